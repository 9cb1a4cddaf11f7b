from foundry_bench.sweep.labels import Labels, main_metric, result_column


def test_variants_that_differ_in_a_nested_setting_have_different_labels() -> None:
    varying = [
        {"student.supertokens": 4, "student.assignment": {"name": "dso", "init_std": std, "k": 1}}
        for std in (1, 4)
    ]
    labels = Labels(varying)
    assert [labels.of("foundry", varies) for varies in varying] == [
        "foundry supertokens=4 init_std=1",
        "foundry supertokens=4 init_std=4",
    ]


def test_names_of_classes_tell_them_apart_and_stay_without_others() -> None:
    names = [{"student.assignment": {"name": name, "k": 1}} for name in ("a", "b")]
    assert [Labels(names).of("v", each) for each in names] == ["v assignment=a", "v assignment=b"]
    assert Labels(names[:1]).of("v", names[0]) == "v assignment=a"


def test_fields_of_one_name_keep_what_tells_them_apart() -> None:
    varies = {"train.distill.lr": 1, "train.finetune.lr": 2, "seed": 3}
    assert Labels([varies]).of("v", varies) == "v distill.lr=1 finetune.lr=2"


def test_tasks_of_one_kind_have_columns_of_their_own() -> None:
    assert result_column("classification", "classification", "accuracy") == "accuracy"
    assert result_column("hard", "classification", "accuracy") == "hard.accuracy"
    assert [main_metric(name) for name in ("svm", "part_segmentation", "nothing")] == [
        "svm_accuracy",
        "miou_instance",
        None,
    ]
