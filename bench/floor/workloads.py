#!/usr/bin/env python3
"""bench_floor as a program that run.py can put beside the others: the floor of each workload that has one.

  workloads.py BENCH_FLOOR --list
  workloads.py BENCH_FLOOR NAME --threads N --time S

A floor is what hand-written loops over preallocated buffers need for the same sums, products and passes. Those marked
as parts leave out what lies between them (activations, norms), and so lie below what can be reached.
"""
import json, subprocess, sys


def convolutions(layer, passes):
    return [f"dnnl_conv_{p}_blocked_{layer}" for p in passes]


CNN = convolutions("c1_64x1x28x28_o32", ["fwd", "bwdW"]) + convolutions("c2_64x32x14x14_o64", ["fwd", "bwdD", "bwdW"])
RESNET = 2 * convolutions("rb_16x64x32x32_o64", ["fwd", "bwdD", "bwdW"])
TRANSFORMER = ["transformer_linear_gemms", "transformer_attention_gemms", "adam_3200000"]
# workload: (block of bench_floor, probes whose times are added)
FLOORS = {
    "mlp_mnist": ("mlp", ["mlp_mnist_hand_step"]),
    "inference_b1": ("mlp", ["mlp_mnist_hand_infer_b1_gemv"]),
    "inference_b128": ("mlp", ["mlp_mnist_hand_infer_b128"]),
    "elementwise_chain": ("elementwise", ["elementwise_chain_fused_floor"]),
    "layernorm_prim": ("rows", ["layernorm_by_passes_fwd_bwd"]),
    "layernorm_fused": ("rows", ["layernorm_hand_fwd_bwd"]),
    "softmax": ("rows", ["softmax_hand_fwd_bwd"]),
    "sum_axis0": ("rows", ["sum_axis0_hand_fwd_bwd"]),
    "sum_axis1": ("rows", ["sum_axis0_hand_fwd_bwd"]),
    "cnn_fmnist": ("cnn", CNN),  # parts
    "resnet_block": ("resnet", RESNET),  # parts
    "lstm": ("lstm", ["lstm_hand_fwd_bwd"]),
    "lstm_cell": ("lstm", ["lstm_cell_hand_fwd_bwd"]),
    "transformer": ("transformer adam", TRANSFORMER),  # parts
    "embedding_bag_adam": ("embedding adam", ["embedding_dense_grad_zero_scatter", "adam_3200000"]),
    "embedding_bag_sgd": ("embedding", ["embedding_sgd_hand_rows_only"]),
    "embedding_bag_sparse_sgd": ("embedding", ["embedding_sgd_hand_rows_only"]),
    "save": ("misc", ["raw_write_200MiB"]),
    "load": ("misc", ["raw_read_200MiB"]),
}


def main():
    program, arguments = sys.argv[1], sys.argv[2:]
    if arguments == ["--list"]:
        print("\n".join(FLOORS))
        return
    name = arguments[0]
    option = dict(zip(arguments[1::2], arguments[2::2]))
    blocks, probes = FLOORS[name]
    command = [program, *blocks.split(), "--time", str(min(0.25, float(option.get("--time", 0.25))))]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    times = {d["probe"]: d["median_us"] for d in map(json.loads, lines)}
    print(json.dumps({"workload": name, "impl": "floor", "threads": int(option.get("--threads", 1)),
                      "median_us": sum(times[p] for p in probes), "peak_rss_mb": 0.0}))


main()
