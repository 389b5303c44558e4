"""Images by name, from the nearest place that has them.

`load("mnist")` looks in this order and says in `.source` which place it used:

1. `$GENIMG_DATA` (or `root=`): torchvision's own layout (`MNIST/raw`, `train_32x32.mat`, `cifar-10-batches-py`,
   `celeba`, `imagenette2-320`) or a pack `<name>.zip`;
2. the user cache, `$GENIMG_CACHE` or the platform's cache folder, where `fetch` puts downloads;
3. torchvision's download.

With `subset=True` (profile `quick`) pictures that ship inside installed packages come first wherever they exist, and
nothing is ever downloaded: the committed numbers of the book must not depend on what else lies on a machine.
"""

from genimg.data.images import Images
from genimg.data.lookup import Description, describe, fetch, load, names
from genimg.data.old import OldPhotograph, old_photographs
from genimg.data.packing import Packed, make_pack
from genimg.data.stream import UNREADABLE, Decoded, picture_files, printable, stream, told
