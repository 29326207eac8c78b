"""Where the rows come from: the `data` part of a profile. Light: nothing is opened here."""

from __future__ import annotations

from pydantic import model_validator

from compactor.base.settings import Settings, setting

BUILTIN = "builtin:python-docstrings"
DIGITS = "builtin:digits"


class DataSettings(Settings):
    """Files, columns and splits. Either `source` or `train` must be named."""

    source: str | None = setting(None, f"a set that needs no file: {BUILTIN}, or {DIGITS} (images)")
    train: str | None = setting(
        None,
        "training rows: csv, tsv, json, jsonl, parquet, conll (tags), a folder with a folder of images for each label, a folder saved by "
        "`datasets`, or a hub id org/name[:config]",
    )
    test: str | None = setting(None, "test rows, touched for the final numbers only")
    unlabelled: str | None = setting(
        None, "texts without labels, in the same formats; an augment stage lets the teacher answer them"
    )
    validation: float | str = setting(0.1, "share of the training rows to set aside, stratified by label; or a file of its own")
    text: str = setting("text", "column with the text; for tags, with lists of words")
    text_pair: str | None = setting(None, "column with the second sentence, for tasks on pairs")
    image: str | None = setting(None, "column with the path of an image, beside the table or below the folders of the profile")
    label: str = setting(
        "label",
        "column with the label: a name or whole number, a list of them (several labels, tags), or a number, as the task wants",
    )
    group: str | None = setting(
        None,
        "column that says which training rows belong together, such as a document's or a user's: with a share in `validation`, all rows of "
        "a group are set aside, or none",
    )
    separator: str | None = setting(
        None,
        "multi-label: what parts the names of a cell that is no list, such as ',' or '|'; an empty cell has none",
        min_length=1,
    )
    limit: int | None = setting(None, "use only this many training rows, drawn with the seed; for trials", gt=1)
    extra: bool = setting(False, f"with {BUILTIN}: also train on the further paragraphs of the training docstrings")

    @model_validator(mode="after")
    def _one_source(self) -> DataSettings:
        if self.source is None and self.train is None:
            raise ValueError(f"name `train` (a file), or `source: {BUILTIN}`")
        if self.source not in (None, BUILTIN, DIGITS):
            raise ValueError(
                f"there is no source {self.source!r}; there are {BUILTIN!r} and {DIGITS!r}, files are named by `train`"
            )
        if self.source is not None and (self.train is not None or self.test is not None or isinstance(self.validation, str)):
            raise ValueError("`source` brings its own splits: leave out `train`, `test` and a validation file")
        if self.extra and self.source != BUILTIN:
            raise ValueError(f"`extra` works with `source: {BUILTIN}` only")
        if self.group is not None and (self.source is not None or self.image is not None):
            raise ValueError("`group` names a column of a table of texts: leave it out with `source` and `image`")
        if self.group is not None and isinstance(self.validation, str):
            raise ValueError(
                "`group` decides what `validation` sets aside of the training rows, and `validation` is a file: leave one out"
            )
        if isinstance(self.validation, float) and not 0.0 < self.validation < 1.0:
            raise ValueError(f"`validation` is a share between 0 and 1, or a file; it is {self.validation}")
        return self
