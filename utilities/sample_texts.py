"""What may stand on a herbarium label: taxon names, collectors, places, dates, numbers and habitats, at random."""

from collections.abc import Iterator, Sequence

import numpy as np

_GENERA = (
    "Acer Aster Betula Calamagrostis Carex Cirsium Cornus Crataegus Cyperus Dryopteris Equisetum Erigeron Festuca"
    " Galium Helianthus Isoëtes Juncus Kalmia Liatris Lycopodium Mimulus Najas Oenothera Oxalis Panicum Poa Polygonum"
    " Quercus Ranunculus Rosa Rubus Salix Scirpus Solidago Tradescantia Ulmus Utricularia Vaccinium Viola Woodsia"
    " Xyris Zizia"
).split()
_EPITHETS = (
    "alba alpina americana aquatica arvensis borealis canadensis dubia elegans flexuosa glabra grandiflora hirsuta"
    " integrifolia japonica kentuckiensis lanceolata maritima minor nigra obtusa palustris pubescens quadrifolia repens"
    " rubra sativa serotina stricta tenuis umbellata verna virginica vulgaris xanthina"
).split()
_AUTHORS = ("L.", "Michx.", "Nutt.", "A. Gray", "Willd.", "(L.) Britton", "Müll. Arg.", "Lindb. & Arn.", "DC.", "Bréb.")
_COLLECTORS = (
    "E. J. Hill", "H. N. Patterson", "W. Hoffmann", "J. Böttcher", "M. Dupré", "F. Gates", "O. E. Lansing",
    "C. Zoë Kew", "Th. Holm", "V. H. Chase", "R. Bebb", "K. Yamada", "A. Søndergård", "G. Ibáñez", "L. Françon",
    "S. Åkerblom",
)  # fmt: skip
_PLACES = (
    "Cook Co., Ill.", "Wolf Lake", "Jackson Park", "Peoria", "Athens", "St. Louis, Mo.", "Kankakee River",
    "Lake Michigan", "Zürich", "Québec", "Königsberg", "Val d'Isère", "Ålesund", "Curaçao", "La Cañada", "Tromsø",
    "N. of Union Pier", "5 mi. E. of Joliet", "\"The Dunes\"", "Fox Hill?",
)  # fmt: skip
_HABITATS = (
    "dry prairie", "wet meadow", "sandy soil", "rich woods", "on bark", "rocky bluff", "peat bog", "along R. R.",
    "common", "rare!", "in flower", "fl. white", "fruit ripe", "cult.", "shade; moist", "on limestone",
)  # fmt: skip
_MONTHS = ("Jan.", "Feb.", "March", "April", "May", "June", "July", "Aug.", "Sept.", "Oct.", "Nov.", "Dec.")
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")


def label_texts(letters: str, rng: np.random.Generator) -> Iterator[str]:
    """What stands on one specimen's label, endless; `letters` are the only characters outside ASCII in it."""
    fields = [_taxon, _collector, _place, _date, _number, _habitat, _epithet]
    while True:
        for index in rng.permutation(len(fields)):
            text = fields[index](rng)
            while not all(c.isascii() or c in letters for c in text):
                text = fields[index](rng)
            yield text


def _taxon(rng):
    return (
        f"{_one(_GENERA, rng)} {_one(('sp.', 'var.', '×', 'cf.'), rng)}" if rng.random() < 0.2 else _one(_GENERA, rng)
    )


def _epithet(rng):
    return f"{_one(_EPITHETS, rng)} {_one(_AUTHORS, rng)}" if rng.random() < 0.4 else _one(_EPITHETS, rng)


def _collector(rng):
    return (
        f"{_one(('leg.', 'det.', 'Coll.'), rng)} {_one(_COLLECTORS, rng)}"
        if rng.random() < 0.3
        else _one(_COLLECTORS, rng)
    )


def _place(rng):
    if rng.random() < 0.15:
        return f"{rng.integers(20, 60)}°{rng.integers(10, 60)}' {_one('NSEW', rng)}"
    return _one(_PLACES, rng)


def _habitat(rng):
    return _one(_HABITATS, rng)


def _number(rng):
    forms = (f"No. {rng.integers(1, 9999)}", f"#{rng.integers(1, 999)}", f"Alt. {10 * rng.integers(5, 300)} m")
    return _one((*forms, f"{rng.integers(10000, 99999)}", f"{rng.integers(1, 40)}/{rng.integers(2, 9)}", "s.n."), rng)


def _date(rng):
    day, month, year = rng.integers(1, 31), rng.integers(12), rng.integers(1850, 1990)
    return _one(
        (
            f"{_MONTHS[month]} {day}, {year}",
            f"{day}.{_ROMAN[month]}.{year}",
            f"{day} {_MONTHS[month]} {year}",
            f"{year}",
        ),
        rng,
    )


def _one(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[rng.integers(len(choices))]
