"""The proving ground: real controllers work on the objects that mlspec writes, and the tests watch what they do."""
