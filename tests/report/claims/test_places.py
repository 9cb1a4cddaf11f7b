from foundry_bench.report.claims.places import Place, describe_places


def test_places_are_told_by_teacher() -> None:
    places = [
        Place("one", {}, "point_jepa/tiny", "shapes", "shapes"),
        Place("one", {}, "point_mae/tiny", "shapes", ""),
        Place("two", {}, "point_jepa/tiny", "shapes", "db69"),
        Place("two", {}, "point_jepa/tiny", "shapes", "db69"),
        Place("", {}, "point_jepa (384 width)"),
    ]

    assert describe_places(places) == (
        "point_jepa/tiny on shapes, db69; point_mae/tiny on shapes; point_jepa (384 width)"
    )
    assert places[0].text == "point_jepa/tiny on shapes"
