"""What foundry-bench can be told to use, by name."""

from typing import TYPE_CHECKING, Any

from foundry_bench.registry import Registry

if TYPE_CHECKING:
    from foundry_bench.data.loader import DatasetLoader
    from foundry_bench.students.assignments import Assignment
    from foundry_bench.students.student import Student
    from foundry_bench.tasks.task import Task
    from foundry_bench.teachers.teacher import Teacher

TEACHERS: "Registry[Teacher]" = Registry(
    "teachers",
    {
        "point_jepa": (
            "foundry_bench.teachers.point_jepa:PointJepa",
            "the paper's teacher: a plain ViT over patch tokens, JEPA pre-training",
        ),
        "point2vec": (
            "foundry_bench.teachers.point2vec:Point2Vec",
            "the same ViT, pre-trained on the hidden states of its own EMA",
        ),
        "point_mae": (
            "foundry_bench.teachers.point_mae:PointMae",
            "a ViT pre-trained to give back the points of masked patches",
        ),
        "pcp_mae": (
            "foundry_bench.teachers.pcp_mae:PcpMae",
            "Point-MAE that also predicts the centres of masked patches; sine positions",
        ),
        "point_bert": (
            "foundry_bench.teachers.point_bert:PointBert",
            "a ViT with a class token, pre-trained to name the codes of masked patches",
        ),
        "recon": (
            "foundry_bench.teachers.recon:Recon",
            "a ViT pre-trained on masked points, and on images and captions beside them",
        ),
        "point_gpt": (
            "foundry_bench.teachers.point_gpt:PointGpt",
            "a causal ViT along a chain of patches, pre-trained to draw the next patch",
        ),
    },
)
STUDENTS: "Registry[Student]" = Registry(
    "students",
    {
        "foundry": (
            "foundry_bench.students.foundry:Foundry",
            "compress to SuperTokens (DSO), encode, upsample by cross-attention (CAU)",
        ),
        "foundry_gate": (
            "foundry_bench.students.foundry_gate:FoundryGate",
            "the same, with a gate that decides per token what is merged, under a budget",
        ),
        "foundry_paper": (
            "foundry_bench.students.foundry:FoundryPaper",
            "foundry without positions in assignment and upsampling, as the paper is read",
        ),
        "paper_gate": (
            "foundry_bench.students.foundry_gate:PaperGate",
            "foundry_gate whose gate sees its own loss alone, as the paper is read",
        ),
        "fps_student": (
            "foundry_bench.students.mechanism:FpsStudent",
            "foundry with the nearest of s farthest-point centres as SuperTokens",
        ),
        "kmeans_student": (
            "foundry_bench.students.mechanism:KMeansStudent",
            "foundry with k-means clusters as SuperTokens",
        ),
        "random_student": (
            "foundry_bench.students.mechanism:RandomStudent",
            "foundry with a random partition as SuperTokens",
        ),
        "tome": (
            "foundry_bench.students.tome:Tome",
            "tokens merge in pairs in every block, by the likeness of their keys (ToMe)",
        ),
        "pitome": (
            "foundry_bench.students.pitome:Pitome",
            "the same, but only tokens that are like many others merge (PiToMe)",
        ),
        "patch_merger": (
            "foundry_bench.students.patch_merger:PatchMerger",
            "learned queries gather the tokens in the middle of the encoder (PatchMerger)",
        ),
        "narrow": (
            "foundry_bench.students.narrow:Narrow",
            "a plain smaller ViT over all tokens",
        ),
        "light_tokenizer": (
            "foundry_bench.students.light_tokenizer:LightTokenizerStudent",
            "foundry with a cheaper tokenizer, distilled together (beyond the paper)",
        ),
        "specialist": (
            "foundry_bench.students.specialist:Specialist",
            "foundry distilled from a fine-tuned teacher's answers on one task",
        ),
    },
)
ASSIGNMENTS: "Registry[Assignment]" = Registry(
    "assignments",
    {
        "dso": (
            "foundry_bench.students.assignments.dso:Dso",
            "hard cross-attention on content alone",
        ),
        "dso_pos": (
            "foundry_bench.students.assignments.dso:DsoPos",
            "the same with positions in q·k",
        ),
        "dso_balanced": (
            "foundry_bench.students.assignments.dso_balanced:DsoBalanced",
            "learned queries, shares of each cloud evened by Sinkhorn steps, no noise",
        ),
        "soft": (
            "foundry_bench.students.assignments.soft:Soft",
            "plain cross-attention: every token in every SuperToken",
        ),
        "fps": (
            "foundry_bench.students.assignments.fps:Fps",
            "the nearest of s farthest-point centres",
        ),
        "kmeans_xyz": (
            "foundry_bench.students.assignments.kmeans:KMeansXyz",
            "k-means clusters of patch centres",
        ),
        "kmeans_tokens": (
            "foundry_bench.students.assignments.kmeans:KMeansTokens",
            "k-means clusters of tokens",
        ),
        "random": (
            "foundry_bench.students.assignments.random:Random",
            "a random partition, the same for the same cloud",
        ),
    },
)
TASKS: "Registry[Task]" = Registry(
    "tasks",
    {
        "classification": (
            "foundry_bench.tasks.classification:Classification",
            "accuracy after fine-tuning with a head on max + mean of the tokens",
        ),
        "few_shot": (
            "foundry_bench.tasks.few_shot:FewShot",
            "accuracy after fine-tuning on a few clouds of a few classes, mean of ten folds",
        ),
        "part_segmentation": (
            "foundry_bench.tasks.part_segmentation:PartSegmentation",
            "mean IoU of parts after fine-tuning with a head on the points",
        ),
        "probe": (
            "foundry_bench.tasks.probe:Probe",
            "accuracy of a linear classifier on frozen tokens",
        ),
        "svm": (
            "foundry_bench.tasks.svm:Svm",
            "accuracy of a linear SVM on frozen tokens, C as in the literature",
        ),
        "retrieval": (
            "foundry_bench.tasks.retrieval:Retrieval",
            "mean average precision of finding clouds of the same class by cosine, no training",
        ),
        "fidelity": (
            "foundry_bench.tasks.fidelity:Fidelity",
            "cosine and linear CKA between the backbone's tokens and the teacher's",
        ),
        "corruption": (
            "foundry_bench.tasks.corruption:Corruption",
            "accuracy on corrupted clouds after classification on clean ones",
        ),
    },
)
DATASETS: "Registry[DatasetLoader]" = Registry(
    "datasets",
    {
        "shapes": (
            "foundry_bench.data.shapes_loader:Shapes",
            "procedural clouds with class and part labels, the embedded default",
        ),
        "archive": (
            "foundry_bench.data.archive:Archive",
            "any .npz with points, labels and splits",
        ),
        "mixture": (
            "foundry_bench.data.mixture:Mixture",
            "several of these: the questions of the first, the clouds of all to learn from",
        ),
        "modelnet40": (
            "foundry_bench.data.modelnet40:ModelNet40",
            "40 classes of CAD models, published as HDF5, text or .dat",
        ),
        "modelnet40_few_shot": (
            "foundry_bench.data.modelnet40_few_shot:ModelNet40FewShot",
            "the ten published folds of 5 or 10 classes, 10 or 20 clouds each",
        ),
        "scanobjectnn": (
            "foundry_bench.data.scanobjectnn:ScanObjectNN",
            "15 classes of scanned objects: obj_bg, obj_only or pb_t50_rs",
        ),
        "shapenet55": (
            "foundry_bench.data.shapenet55:ShapeNet55",
            "55 classes of CAD models, to pre-train and distill on",
        ),
        "shapenetpart": (
            "foundry_bench.data.shapenetpart:ShapeNetPart",
            "16 categories of CAD models, 50 parts",
        ),
    },
)
FIGURES: Registry[Any] = Registry(
    "figures",
    {
        "metric_vs_setting": (
            "foundry_bench.report.plots.metric_vs_setting:plot",
            "results against SuperTokens, token budget, gate weight or another number",
        ),
        "ablation_ranking": (
            "foundry_bench.report.plots.ablation_ranking:plot",
            "variants by result, with their differences to the teacher",
        ),
        "loss_vs_accuracy": (
            "foundry_bench.report.plots.loss_vs_accuracy:plot",
            "a loss or error of distillation against a result",
        ),
        "clouds_distilled": (
            "foundry_bench.report.plots.clouds_distilled:plot",
            "results against the number of clouds distilled on",
        ),
        "pareto_front": (
            "foundry_bench.report.plots.pareto_front:plot",
            "results against MACs, weights and latency, and the students no other beats",
        ),
        "validation_curves": (
            "foundry_bench.report.plots.validation_curves:plot",
            "validation accuracy and losses by epoch",
        ),
        "task_matrix": (
            "foundry_bench.report.plots.task_matrix:plot",
            "students against the teacher on all tasks",
        ),
        "corruption": (
            "foundry_bench.report.plots.corruption:plot",
            "accuracy under each corruption",
        ),
        "token_similarity": (
            "foundry_bench.report.plots.token_similarity:plot",
            "similarity of tokens to the teacher's",
        ),
        "gate_histogram": (
            "foundry_bench.report.plots.gate_histogram:plot",
            "spread of gate probabilities over tokens",
        ),
        "supertoken_clouds": (
            "foundry_bench.report.plots.supertoken_clouds:plot",
            "clouds painted by SuperToken",
        ),
        "latency_by_part": (
            "foundry_bench.report.plots.latency_by_part:plot",
            "latency by part of the network and by mode",
        ),
        "scenes": (
            "foundry_bench.report.plots.scenes:plot",
            "time and memory of large scenes",
        ),
        "time_by_stage": (
            "foundry_bench.report.plots.time_by_stage:plot",
            "where the time of a sweep went",
        ),
    },
)
"""Functions of type `PlotFunction`, in the order of a report's figures."""
