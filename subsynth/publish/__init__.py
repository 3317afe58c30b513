"""Publishing a data set on the Hugging Face hub."""
