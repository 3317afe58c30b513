"""A synthtiger template for comparable work: a line of text on a crop of a photograph, blurred, with its mask."""

from pathlib import Path

import numpy as np
from PIL import Image
from synthtiger import components, layers, templates


class Line(templates.Template):
    def __init__(self, config):
        self.corpus = components.BaseCorpus(paths=[config["corpus"]], weights=[1])
        self.font = components.BaseFont(paths=[config["fonts"]], weights=[1], size=(18, 26))
        self.color = components.RGB()
        self.texture = components.BaseTexture(paths=[config["photos"]], weights=[1])
        self.blur = components.GaussianBlur(sigma=(0, 1))

    def generate(self):
        text = self.corpus.data(self.corpus.sample())
        font = self.font.sample({"text": text})
        font.pop("vertical")
        ink = layers.TextLayer(text, color=(*np.random.randint(0, 256, 3), 255), **font)
        meta = self.texture.sample()
        width, height = self.texture._get_size(meta["path"])
        size = int(ink.width) + 10, int(ink.height) + 6
        meta["x"], meta["y"] = (np.random.randint(0, max(1, a - b)) for a, b in zip((width, height), size, strict=True))
        meta["w"], meta["h"] = size
        ground = layers.RectLayer(size)
        self.texture.apply([ground], meta)
        ink.center = ground.center
        picture = (ink + ground).merge()
        mask = ink.output(bbox=ground.bbox)[..., 3]
        self.blur.apply([picture])
        return {"image": picture.output()[..., :3], "mask": mask, "text": text}

    def init_save(self, root):
        Path(root).mkdir(parents=True, exist_ok=True)

    def save(self, root, data, idx):
        Image.fromarray(data["image"].astype(np.uint8)).save(f"{root}/{idx}.jpg")
        Image.fromarray(data["mask"].astype(np.uint8)).save(f"{root}/{idx}.png")

    def end_save(self, root):
        pass
