from foundry_bench.report.study.measures import find_details, find_measures

PAIRS = [
    ("retrieval", "retrieval_map"),
    ("retrieval", "retrieval_top1"),
    ("probe", "probe_accuracy"),
    ("probe", "probe_c"),
    ("few_shot_10w10s", "few_shot_accuracy"),
    ("few_shot_5w10s", "few_shot_accuracy"),
    ("few_shot_5w10s", "few_shot_std"),
    ("db69", "accuracy"),
    ("classification", "literature_accuracy"),
    ("classification", "accuracy"),
    ("lpsb_parts", "miou_class"),
    ("lpsb_parts", "miou_instance"),
    ("lpsb_parts", "miou_of_chair"),
    ("part_segmentation", "miou_instance"),
    ("corruption", "corrupted_accuracy"),
    ("corruption", "corrupted_accuracy_jitter"),
    ("fidelity", "token_cosine"),
    ("x", "y"),
]


def test_results_are_ordered_by_task_with_its_headline_first() -> None:
    found = find_measures(PAIRS)

    assert [(measure.slug, measure.label, measure.short) for measure in found] == [
        ("accuracy", "classification accuracy", "accuracy"),
        (
            "literature_accuracy",
            "classification accuracy (epoch chosen on test)",
            "accuracy\N{DAGGER}",
        ),
        ("db69_accuracy", "db69 classification accuracy", "db69 accuracy"),
        ("probe_accuracy", "linear-probe accuracy", "probe"),
        ("few_shot_accuracy_5w10s", "5w10s few-shot accuracy", "few-shot 5w10s"),
        ("few_shot_accuracy_10w10s", "10w10s few-shot accuracy", "few-shot 10w10s"),
        ("miou_instance", "instance mIoU", "instance mIoU"),
        (
            "lpsb_parts_miou_instance",
            "lpsb parts instance mIoU",
            "lpsb parts instance mIoU",
        ),
        ("lpsb_parts_miou_class", "lpsb parts class mIoU", "lpsb parts class mIoU"),
        ("retrieval_map", "retrieval mAP", "mAP"),
        ("retrieval_top1", "retrieval top-1", "retrieval top-1"),
        ("corrupted_accuracy", "corrupted-cloud accuracy", "corrupted"),
        ("token_cosine", "token cosine", "token cosine"),
    ]


def test_each_result_knows_its_unit_and_whether_it_trains() -> None:
    found = {measure.slug: measure for measure in find_measures(PAIRS)}

    assert {slug for slug, measure in found.items() if not measure.is_trained} == {
        "probe_accuracy", "retrieval_map", "retrieval_top1", "token_cosine"
    }  # fmt: skip
    assert {slug for slug, measure in found.items() if measure.is_further} == {
        "literature_accuracy", "retrieval_top1"
    }  # fmt: skip
    assert [slug for slug, measure in found.items() if measure.is_chosen_on_test] == [
        "literature_accuracy"
    ]
    cosine, accuracy = found["token_cosine"], found["accuracy"]
    assert (cosine.unit, cosine.scale, cosine.digits) == ("", 1.0, 3)
    assert (accuracy.unit, accuracy.scale, accuracy.digits) == ("%", 100.0, 1)


def test_details_are_no_results() -> None:
    found = find_details(PAIRS)

    assert [(measure.task, measure.label) for measure in found] == [
        ("corruption", "jitter"),
        ("few_shot_5w10s", "5w10s standard deviation over folds"),
        ("lpsb_parts", "lpsb parts chair"),
    ]
    assert not set(found) & set(find_measures(PAIRS))
