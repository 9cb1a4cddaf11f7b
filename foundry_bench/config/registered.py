"""Fields whose `name` picks a registered class, and whose other keys are its settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SerializationInfo, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from foundry_bench.config.settings import NamedSettings
from foundry_bench.errors import FoundryError
from foundry_bench.registries import ASSIGNMENTS, DATASETS, STUDENTS
from foundry_bench.registry import Registry


@dataclass(frozen=True)
class Registered:
    """Annotates a field that holds the settings of one class of `registry`.

    It takes a mapping with `name`, the bare name, or settings already built. The class is imported
    when a value names it, not before; faults keep their place inside the mapping.
    """

    registry: Registry[Any]

    @property
    def noun(self) -> str:
        """What the registry's entries are called, in the singular."""
        return self.registry.kind.removesuffix("s")

    def settings_class(self, name: str) -> type[NamedSettings]:
        """The settings of the class called `name`.

        Raises:
            FoundryError: if there is no such class, or it has no settings.
        """
        registered = self.registry.get(name)
        settings = getattr(registered, "Settings", None)
        if not (isinstance(settings, type) and issubclass(settings, NamedSettings)):
            raise FoundryError(
                f"{self.noun} '{name}' has no class attribute `Settings` derived from NamedSettings"
            )
        return settings

    def validate(self, value: object) -> NamedSettings:
        """`value` as settings of the class it names."""
        if isinstance(value, NamedSettings):
            return self._built(value)
        given = {"name": value} if isinstance(value, str) else value
        if not isinstance(given, Mapping):
            raise PydanticCustomError(
                "registered",
                "Input should be the name of a {noun}, or a mapping with `name`",
                {"noun": self.noun},
            )
        if "name" not in given:
            raise self._fault(PydanticCustomError("missing", "Field required"), given)
        name = given["name"]
        if not isinstance(name, str):
            raise self._fault(PydanticCustomError("string_type", "Input should be a string"), name)
        try:
            settings = self.settings_class(name)
        except FoundryError as error:
            message = PydanticCustomError("unknown_name", "{reason}", {"reason": str(error)})
            raise self._fault(message, name) from error
        return settings.model_validate(dict(given))

    def _built(self, value: NamedSettings) -> NamedSettings:
        try:
            expected = self.settings_class(value.name)
        except FoundryError as error:
            message = PydanticCustomError("unknown_name", "{reason}", {"reason": str(error)})
            raise self._fault(message, value.name) from error
        if not isinstance(value, expected):
            raise PydanticCustomError(
                "registered",
                "Input should be settings of the {noun} '{name}'",
                {"noun": self.noun, "name": value.name},
            )
        return value

    def _fault(self, message: PydanticCustomError, given: object) -> ValidationError:
        details = InitErrorDetails(type=message, loc=("name",), input=given)
        return ValidationError.from_exception_data(self.noun, [details])

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.validate,
            serialization=core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        choices: list[JsonSchemaValue] = [{"enum": list(self.registry)}]
        for name in self.registry:
            own = handler(self.settings_class(name).__pydantic_core_schema__)
            choices.append(
                {"allOf": [own], "properties": {"name": {"const": name}}, "required": ["name"]}
            )
        return {"anyOf": choices}


def _dump(settings: NamedSettings, info: SerializationInfo) -> dict[str, Any]:
    dumped = settings.model_dump(
        mode=info.mode,
        by_alias=info.by_alias,
        exclude_unset=info.exclude_unset,
        exclude_defaults=info.exclude_defaults,
        exclude_none=info.exclude_none,
        round_trip=info.round_trip,
    )
    return {"name": settings.name, **dumped}


StudentField = Annotated[NamedSettings, Registered(STUDENTS)]
AssignmentField = Annotated[NamedSettings, Registered(ASSIGNMENTS)]
DataField = Annotated[NamedSettings, Registered(DATASETS)]
