"""The image set of a transfer: a training set, prepared as the base model reads it, and what that model adds to it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from utilities.alphabet import Alphabet
from utilities.config import Config
from utilities.counts import number_of
from utilities.image_cache import CACHE_FOLDER
from utilities.language_model import MOST_TEXTS, cross_entropy, most_frequent
from utilities.model import FrameCounter, RecognizerSpec
from utilities.plan import transfer_batch_size
from utilities.rehearsal import announce_rehearsal, with_rehearsal
from utilities.saved_model import Recognizer
from utilities.training_set import TrainingSet, announce, learnt_digests, overlap_with_test, training_set_for
from utilities.untranscribed import announce_untranscribed, with_untranscribed


def transfer_set_for(
    config: Config, folder: Path, base: Recognizer, cache: Path = CACHE_FOLDER
) -> tuple[RecognizerSpec, TrainingSet]:
    """What the new model is, with an alphabet of both and the batch size that it learns with, and the images and texts
    that it learns. Says what there is.

    Raises ImageSetError listing every bad row.
    """
    how, frames = base.spec.preprocessing, FrameCounter(base.prediction_model)
    data = training_set_for(config, folder, how, frames, cache, learnt_digests(base.record))
    print(announce(data))
    if config.transfer.untranscribed:
        data = with_untranscribed(data, base, config.project, config.transfer.untranscribed, cache)
        print(announce_untranscribed(data.record))
    if config.transfer.base_set:
        own, base_set = data, config.transfer.base_set
        data, left_out = with_rehearsal(own, frames, config.project, base_set, cache)
        print(announce_rehearsal(data, left_out))
        digests = set(data.record["image_digests"]) - set(own.record["image_digests"])
        if overlap := overlap_with_test(config, base_set, digests, {s.group for s in data.rehearsed if s.group}):
            print(overlap)
    values = base.spec.hyperparameters
    values = replace(values, batch_size=transfer_batch_size(config.train, values))
    spec = replace(base.spec, alphabet=base.spec.alphabet.extended(data.alphabet.characters), hyperparameters=values)
    print(_announce_growth(base.spec.alphabet, spec.alphabet))
    data = with_texts_of_base(data, base.record, spec.alphabet)
    if taken := data.record.get("texts_of_base"):
        print(
            f"Readings will lean towards {number_of(taken, 'text')} that the base model was trained with, too:"
            " with them the transcriptions of the validation images are likelier."
        )
    return spec, data


def with_texts_of_base(data: TrainingSet, base_record: dict, alphabet: Alphabet) -> TrainingSet:
    """The training set, its record with the base model's texts where they are of the same language.

    That is: where the validation transcriptions are likelier with them than without. The record then says under
    "texts_of_base" how many are new. A text that both have counts as often as where it is more frequent.
    """
    own = Counter(data.record["texts"])
    of_base = Counter(base_record.get("data", {}).get("texts", {}))
    both = own | of_base
    # of a large set no more than there is room for beside the own ones, which would drown in it
    room = max(0, MOST_TEXTS - len(own))
    new = most_frequent({text: count for text, count in of_base.items() if text not in own}, (), room)
    both = {text: both[text] for text in [*own, *dict(new)]}
    labels = [s.label for s in data.validation]
    if not new or cross_entropy(both, labels, alphabet) >= cross_entropy(own, labels, alphabet):
        return data
    return replace(data, record=data.record | {"texts": both, "texts_of_base": len(new)})


def _announce_growth(known: Alphabet, grown: Alphabet) -> str:
    """Which characters a transfer adds."""
    new = grown.characters[len(known.characters) :]
    if not new:
        return "The model knows every character of these labels."
    return f"The model learns {number_of(len(new), 'new character')}: {' '.join(new)}"
