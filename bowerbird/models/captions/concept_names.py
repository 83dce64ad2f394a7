"""What the 1,000 classes of ImageNet are called in plain English, and the kinds that several of them share.

ImageNet's own names come from WordNet, whose first lemma is often not what anyone would say ("ashcan", "ice bear"), and
twice the same for two things ("crane"). Where a picture is surely a cat and only the breed is in doubt, the kind is the
thing to say; a kind holds for each of its members.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from bowerbird.errors import EncoderUnavailable

CLASSES = 1000

_SAID = {
    **{7: "cockerel", 20: "dipper", 21: "kite bird", 27: "newt", 38: "gecko", 40: "anole", 41: "whiptail lizard"},
    **{
        4: "hammerhead shark",
        33: "loggerhead turtle",
        67: "rattlesnake",
        75: "black widow spider",
        87: "African grey parrot",
        97: "duck",
        126: "woodlouse",
        134: "crane bird",
    },
    **{156: "Cavalier spaniel", 157: "papillon dog", 161: "basset hound", 164: "bluetick hound", 168: "redbone hound"},
    **{191: "Airedale terrier", 192: "cairn terrier", 194: "Dandie Dinmont terrier", 195: "Boston terrier"},
    **{204: "Lhasa apso", 216: "clumber spaniel", 217: "English springer spaniel", 242: "boxer dog"},
    **{255: "Leonberger", 256: "Newfoundland dog", 257: "Great Pyrenees dog", 260: "chow chow"},
    **{
        263: "Pembroke corgi",
        264: "Cardigan corgi",
        281: "tabby cat",
        282: "cat",
        285: "cat",
        296: "polar bear",
        313: "stick insect",
    },
    **{321: "red admiral butterfly", 322: "ringlet butterfly", 323: "monarch butterfly", 326: "blue butterfly"},
    **{
        332: "Angora rabbit",
        339: "horse",
        341: "pig",
        345: "cow or ox",
        348: "sheep",
        268: "Mexican hairless dog",
        375: "colobus monkey",
        349: "bighorn sheep",
        371: "patas monkey",
    },
    **{380: "titi monkey", 383: "ring-tailed lemur", 387: "red panda", 391: "coho salmon", 392: "angelfish"},
    **{
        397: "puffer fish",
        408: "amphibious vehicle",
        412: "rubbish bin",
        418: "ballpoint pen",
        419: "sticking plaster",
    },
    **{421: "banister", 428: "wheelbarrow", 434: "bath towel", 436: "estate car", 437: "lighthouse"},
    **{444: "tandem bicycle", 446: "ring binder", 452: "bonnet", 456: "archer's bow", 458: "brass plaque"},
    **{466: "high-speed train", 468: "taxi", 477: "tool kit", 479: "car wheel", 480: "cash machine", 486: "cello"},
    **{487: "mobile phone", 517: "building crane", 520: "cot", 521: "slow cooker", 529: "nappy", 533: "dishcloth"},
    **{
        543: "dumbbell",
        553: "filing cabinet",
        570: "gas mask",
        571: "petrol pump",
        575: "golf cart",
        589: "hair dryer",
    },
    **{592: "hard disk", 603: "horse-drawn cart", 605: "portable music player", 612: "rickshaw", 619: "lampshade"},
    **{628: "ocean liner", 630: "loafer shoe", 638: "swimsuit", 639: "swimsuit", 661: "vintage car"},
    **{664: "computer monitor", 667: "graduation cap", 673: "computer mouse", 680: "rubber teat", 681: "laptop"},
    **{696: "paintbrush", 705: "railway carriage", 707: "pay phone", 714: "plectrum", 726: "carpenter's plane"},
    **{730: "plough", 733: "pole", 737: "soft-drink bottle", 738: "flowerpot", 748: "handbag", 751: "racing car"},
    **{757: "camper van", 759: "camera", 769: "ruler", 776: "saxophone", 800: "slot machine", 810: "keyboard"},
    **{817: "sports car", 829: "tram", 831: "sofa", 844: "electric switch", 850: "teddy bear", 851: "television"},
    **{861: "toilet", 864: "tow truck", 867: "articulated lorry", 870: "tricycle", 881: "upright piano"},
    **{687: "pipe organ", 882: "vacuum cleaner", 897: "washing machine", 906: "tie", 908: "aircraft wing"},
    **{912: "split-rail fence", 913: "shipwreck", 914: "sailing boat", 916: "web page", 921: "book cover"},
    **{
        925: "consommé",
        930: "baguette",
        936: "cabbage",
        939: "courgette",
        948: "green apple",
        967: "coffee",
        970: "mountain",
    },
    **{
        972: "cliff",
        976: "headland",
        981: "baseball player",
        982: "person in formal dress",
        989: "rose hip",
        990: "horse chestnut",
    },
    **{998: "corn", 999: "toilet paper", 782: "screen", 717: "pickup truck", 620: "laptop", 548: "television"},
    **{836: "pair of sunglasses", 837: "pair of sunglasses", 608: "pair of jeans", 697: "pair of pyjamas"},
    **{842: "pair of swimming trunks", 447: "pair of binoculars", 778: "pair of scales"},
}
"""By class, where the first name that ImageNet gives is not what one would say, or is said of something else too."""
_WITHOUT_ARTICLE = frozenset(
    {
        *(490, 551, 585, 631, 702, 838, 853, 885, 911, 924, 925, 928, 935, 937, 958),
        *(959, 960, 961, 966, 967, 969, 984, 987, 998, 999),
    }
)
"""Classes that are a stuff or a plural."""

_KINDS = {
    "fish": "0-6 389-397",
    "shark": "2-4",
    "bird": "7-24 80-100 127-146",
    "songbird": "10-20",
    "bird of prey": "21-24",
    "parrot": "87-90",
    "wading bird": "127-134",
    "amphibian": "25-32",
    "salamander": "25-29",
    "frog": "30-32",
    "reptile": "33-50 52-68",
    "turtle": "33-37",
    "lizard": "38-48",
    "crocodile or alligator": "49-50",
    "snake": "52-68",
    "spider": "72-77",
    "insect": "300-326",
    "beetle": "300-307",
    "butterfly": "321-326",
    "crab": "118-121 125",
    "lobster or crayfish": "122-124",
    "dog": "151-268 273-275",
    "terrier": "179-195 199-204",
    "wolf": "269-271",
    "fox": "277-280",
    "cat": "281-285",
    "big cat": "286-293",
    "bear": "294-297",
    "rabbit or hare": "330-332",
    "cow or buffalo": "345-347",
    "sheep or goat": "348-350",
    "antelope": "351-353",
    "ape": "365-369",
    "monkey": "370-382",
    "elephant": "101 385-386",
    "animal": "0-68 70-397",
    "aircraft": "404 895",
    "airship or balloon": "405 417",
    "boat or ship": "403 472 484 510 554 576 625 628 724 780 814 871 914",
    "sailing boat": "484 780 871 914",
    "bus": "654 779 874",
    "car": "407 436 468 511 609 627 656 661 751 817",
    "lorry": "555 569 586 675 717 864 867",
    "motor vehicle": "407 408 436 468 511 555 569 586 609 627 654 656 661 675 717 734 751 757 779 803 817 864 867 874",
    "train": "466 547 565 705 820",
    "bicycle": "444 671",
    "motorcycle": "665 670",
    "guitar": "402 546",
    "piano": "579 881",
    "bowed instrument": "486 889",
    "wind instrument": "432 513 558 566 683 684 699 776 875",
    "musical instrument": "401 402 420 432 486 494 513 541 546 558 566 577 579 593 594 641 642 683 684 687 699 776 822"
    " 875 881 889",
    "clock": "409 530 892",
    "watch or clock": "409 530 531 826 892",
    "computer": "527 590 620 681",
    "keyboard": "508 810 878",
    "screen": "527 548 620 664 681 782 851",
    "telephone": "487 528 707",
    "camera": "732 759",
    "bottle": "440 720 737 898 901 907",
    "cup or mug": "504 968",
    "pot or pan": "469 521 544 567 738 909",
    "dish to eat": "924-929 933-935 959 962-965",
    "bread or pastry": "930-932",
    "fruit": "948-957",
    "vegetable": "936-946",
    "squash": "940-942",
    "mushroom": "947 991-994 996-997",
    "food": "923-957 959-965",
    "flower": "985-986",
    "ball": "429 430 522 574 722 768 805 852 890",
    "rifle": "413 764",
    "gun": "413 763 764",
    "hat": "439 452 515 667 808",
    "helmet": "518 560 715",
    "shoe": "502 514 630 770 774",
    "swimsuit": "445 638 639 842",
    "bridge": "821 839 888",
    "fence": "489 716 912",
    "place of worship": "497 663 668 832",
    "shop": "415 424 454 467 509 582 788 860 865",
    "bed": "516 520 564",
    "chair": "423 559 765 857",
    "cupboard": "493 495 648 894",
    "lamp": "619 846",
    "mountain landscape": "970 979 980",
    "shore": "460 975-978",
}
"""Kinds and their classes. Of two that hold for the same picture the smaller says more."""

LAST_RESORTS = frozenset({"an animal", "food"})
"""Phrases that hold for so much that they are said only where nothing else can be."""
_STUFF = frozenset({"food", "bread or pastry"})


@cache
def names() -> tuple[str, ...]:
    """What each class is called, without an article, in the classifier's order.

    Raises `EncoderUnavailable` where timm, which brings ImageNet's names, is missing.
    """
    folder = _info_folder()
    lines = (folder / "imagenet_synset_to_lemma.txt").read_text("utf-8").splitlines()
    known = dict(line.split("\t", 1) for line in lines)
    synsets = (folder / "imagenet_synsets.txt").read_text("utf-8").split()
    lemmas = [known[synset].partition(",")[0].strip() for synset in synsets]
    return tuple(_SAID.get(index, lemma) for index, lemma in enumerate(lemmas))


def _info_folder() -> Path:
    # Found without importing timm, which would import torch for the sake of two small files.
    spec = find_spec("timm")
    if spec is None or spec.origin is None:
        raise EncoderUnavailable("ImageNet's names are missing; install them with `pip install timm`")
    return Path(spec.origin).parent / "data" / "_info"


def with_article(name: str) -> str:
    """ "cat" -> "a cat", "umbrella" -> "an umbrella"; the vowel that is heard decides."""
    heard = re.match(r"(?i)(?!uni|eu|use|ukulele|one)[aeiou]|hour|honest", name)
    return f"{'an' if heard else 'a'} {name}"


@cache
def concepts() -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Everything that can be said: the phrase, with its article if it takes one, and the classes for which it holds.

    Classes that go by one name are one concept. The smallest come first.
    """
    members: dict[str, set[int]] = {}
    for index, name in enumerate(names()):
        members.setdefault(name if index in _WITHOUT_ARTICLE else with_article(name), set()).add(index)
    for name, ranges in _KINDS.items():
        members.setdefault(name if name in _STUFF else with_article(name), set()).update(_indices(ranges))
    return tuple(sorted(((phrase, tuple(sorted(of))) for phrase, of in members.items()), key=lambda each: len(each[1])))


def _indices(ranges: str) -> list[int]:
    ends = ([int(end) for end in each.split("-")] for each in ranges.split())
    return [index for each in ends for index in range(each[0], each[-1] + 1)]
