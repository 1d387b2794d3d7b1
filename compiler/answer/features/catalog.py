"""The records of the catalog of features: plain data, as reports, pages, and the Python API show it."""

from __future__ import annotations

from ...record import Record

__all__ = ["CatalogFeature", "FeatureCatalog", "FeaturePlace", "FeatureReader", "ReuseHint"]


class FeatureReader(Record):
    """A model that reads a feature."""

    model: str
    """The model's name."""
    inputs: tuple[str, ...]
    """Its inputs that get the feature, by name."""
    services: tuple[str, ...]
    """The services that serve the model."""


class FeaturePlace(Record):
    """Where an environment keeps the values of a feature."""

    environment: str
    project: str
    """The project in Feast; empty if another system fills the store."""
    training: str
    """The folder or the file that training reads; empty if another system fills the store."""
    serving: str
    """The online store that answers lookups, such as `redis at redis:6379`; empty if there is none."""


class CatalogFeature(Record):
    """One feature of one system. An optional value that the spec does not state is empty."""

    system: str
    view: str
    name: str
    entity: str
    key: str
    """The column that identifies the entity; empty if the entity is not declared."""
    dtype: str
    description: str
    owner: str
    """The team that is responsible: the feature's owner, or else that of its view, or else that of the system."""
    available: str
    """When its value becomes known: `at-prediction` or `after-outcome`."""
    source: str
    """The name of the source that it is computed from."""
    location: str
    """Where the rows of the source are: the copy that the view reads, or else the source itself."""
    column: str
    """The column of the source that it is, or that it aggregates; empty for code, and for a count of rows."""
    aggregate: str
    """The aggregate over the window."""
    code: str
    """The function that computes it, as a dotted path."""
    window: str
    """How far back the aggregate or the code looks, such as `7d`."""
    max_age: str
    """The maximum age of a value at serving time, such as `15m`."""
    schedule: str
    """When the view is materialized, as a cron expression in UTC."""
    readers: tuple[FeatureReader, ...]
    """The models that read it."""
    places: tuple[FeaturePlace, ...]
    """The environments that have it in this form, with where they keep it."""
    where: str
    """Where it is declared: `mlspec.yaml:41`."""

    @property
    def path(self) -> str:
        """Its name among all systems: `system: view.name`."""
        return f"{self.system}: {self.view}.{self.name}"

    @property
    def computed(self) -> str:
        """How it is computed, in words, with names between backticks."""
        over = f" over {self.window}" if self.window else ""
        if self.code:
            return f"`{self.code}`{over}"
        if self.aggregate:
            return f"{self.aggregate} of {f'`{self.column}`' if self.column else 'rows'}{over}"
        return f"the column `{self.column}`"


class ReuseHint(Record):
    """Features that look like the same one, or that could share work."""

    kind: str
    """`same`: the same computation; `name`: one name for different ones; `column`: one column, read twice."""
    subject: str
    """What they share, in words, with names between backticks."""
    features: tuple[str, ...]
    """The features, as `CatalogFeature.path` names them."""
    advice: str
    """What to do, as a sentence."""


class FeatureCatalog(Record):
    """The features of one or several systems, in the order of their names."""

    systems: tuple[str, ...]
    """The systems that were read, including those without features."""
    features: tuple[CatalogFeature, ...]
    hints: tuple[ReuseHint, ...]
    left_out: tuple[str, ...] = ()
    """The specs that are left out because they have errors."""
