"""What a model makes of the validation words: the one pass that watching, calibration and benchmarks share."""

from collections.abc import Iterable, Iterator

import keras
import numpy as np

from utilities.alphabet import Alphabet
from utilities.batches import WordBatches
from utilities.ctc import LOSS_CEILING
from utilities.decoding import label_log_probability, log_softmax, read_texts
from utilities.metrics import character_error_rate

# of a batch: logits (B, T, C) float32, frames (B,) true time steps, labels as class ids
Predicted = tuple[np.ndarray, np.ndarray, list[np.ndarray]]


def predicted(network: keras.Model, batches: WordBatches, order: Iterable[int] | None = None) -> Iterator[Predicted]:
    """What a prediction model makes of fixed batches, one by one, in the order of their numbers or in another."""
    for number in range(len(batches)) if order is None else order:
        batch = batches[number][0]
        labels = [ids[:n] for ids, n in zip(batch["label"], batch["label_length"][:, 0], strict=True)]
        yield network.predict_on_batch(batch["image"]), batch["frames"][:, 0], labels


def validate(network: keras.Model, validation: WordBatches, alphabet: Alphabet) -> tuple[float, float]:
    """(mean CTC loss in nats a word, micro CER as a fraction) of a prediction model."""
    losses, truths, texts = [], [], []
    for logits, frames, labels in predicted(network, validation):
        losses.append(np.minimum(-label_log_probability(log_softmax(logits), labels, frames), LOSS_CEILING))
        texts += read_texts(logits, frames, alphabet)
        truths += [alphabet.decode(ids) for ids in labels]
    return float(np.concatenate(losses).mean()), character_error_rate(truths, texts)
