"""The speed benchmark's table and its ratios."""

from benchmarks.tables import text_table

ORIGINAL = "classic, original settings"
HEADER = ("what", "images/s", "Gflop/image", "Gflop/s", "of the machine %", "peak MB")


def ratios(speeds: dict[str, dict]) -> dict:
    """Images a second over images a second: file to text over the network alone, and each over the original's."""
    rate = {name: speed["images_per_second"] for name, speed in speeds.items()}
    found = {"file to text / network alone": rate["file to text"] / rate["network alone"]}
    for name in ("network alone", "file to text"):
        if f"{ORIGINAL}: {name}" in rate:
            found[f"{name} / original's"] = rate[name] / rate[f"{ORIGINAL}: {name}"]
    return found


def report(result: dict) -> str:
    """The table, and a line for each of the other measurements."""
    rows = [
        (
            name,
            f"{speed['images_per_second']:.1f}",
            f"{speed['operations_per_image'] / 1e9:.3f}",
            f"{speed['flop_per_second'] / 1e9:.1f}",
            f"{100 * speed['utilisation']:.0f}",
            f"{speed['peak_memory_mb']:.0f}",
        )
        for name, speed in result["speed"].items()
    ]
    rate = f"{result['machine']['matrix_flop_per_second'] / 1e9:.1f}"
    matrix = (f"{result['compute_dtype']} matrix product", "", "", rate, "100", "")
    first, opened, cache, saved = (result[key] for key in ("first_batch", "opening", "cache", "padding"))
    ready = result["batches"]
    enough = ready["images_per_second"] / result["speed"]["training"]["images_per_second"]
    lines = [
        text_table(HEADER, [*rows, matrix]),
        *(f"{name}: {ratio:.2f}" for name, ratio in result["ratios"].items()),
        f"batches of {ready['batch_size']} made ready to train on: {ready['images_per_second']:.0f} images/s by"
        f" {ready['threads']} threads, {enough:.1f} times what training takes",
        *([f"LSTMs ran in these kernels: {', '.join(result['lstm_kernels'])}"] if result["lstm_kernels"] else []),
        f"load the model {first['load_seconds']:.2f} s, then its first batch {first['first_batch_seconds']:.2f} s"
        f" (the second {first['second_batch_seconds']:.2f} s)",
        f"open an image set of {opened['rows']:,} rows: {opened['seconds']:.2f} s",
        f"decode {result['images']:,} images {cache['decoding_seconds']:.2f} s, start from the cache"
        f" {cache['cache_seconds']:.3f} s: {cache['ratio']:.0f} times faster",
        f"width buckets compute {100 * saved['of_widest_needed']:.0f} % of the pixels of the widest canvas needed,"
        f" {100 * saved['of_img_width']:.0f} % of IMG_WIDTH's; in training"
        f" {100 * saved['training']['of_widest_needed']:.0f} and {100 * saved['training']['of_img_width']:.0f} %",
    ]
    return "\n".join(lines)
