"""The networks beside DB-RAM: its competitors, the discriminators, and the factory that builds a model by its name."""
