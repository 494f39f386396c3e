#!/usr/bin/env python3
"""The results of run.py (default, tuned, current, floor and xgrad side by side) as the tables of docs/performance.md.

  table.py results.jsonl
"""
import json, sys


def number(x):
    return "" if x is None else f"{x:.3g}" if x < 100 else f"{x:.0f}"


def main():
    results = {}
    for line in open(sys.argv[1]):
        m = json.loads(line)
        results[m["impl"], m["workload"], int(m["threads"])] = m
    names = list(dict.fromkeys(w for _, w, _ in results if w != "noop"))

    def ms(program, workload, threads, field="median_us"):
        m = results.get((program, workload, threads))
        return m[field] / 1e3 if m and field in m else None

    def memory(program, workload, threads):
        m = results.get((program, workload, threads))
        return m.get("rss_minus_noop_mb") if m else None

    def ratio(a, b):
        return f"{a / b:.2f}" if a and b else ""

    for threads in sorted({t for _, _, t in results}, reverse=True):
        print(f"\nThreads: {threads}\n")
        print("| workload | default, ms | tuned, ms | current, ms | floor, ms | xgrad, ms | default / xgrad | tuned / xgrad "
              "| current / xgrad | xgrad / floor | tuned, MB | xgrad, MB | xgrad / tuned |")
        print("|---|" + "---|" * 12)
        for field in ("median_us", "first_us"):
            for w in names:
                if field == "first_us" and ms("xgrad", w, threads, field) is None:
                    continue
                default, tuned, current, ours = (ms(p, w, threads, field) for p in ("default", "tuned", "current", "xgrad"))
                floor = ms("floor", w, threads) if field == "median_us" else None
                mb, our_mb = memory("tuned", w, threads), memory("xgrad", w, threads)
                label = w if field == "median_us" else f"{w}, the first in a process"
                print("| " + " | ".join([
                    label, number(default), number(tuned), number(current), number(floor), number(ours),
                    ratio(default, ours), ratio(tuned, ours), ratio(current, ours), ratio(ours, floor),
                    number(mb), number(our_mb), ratio(our_mb, mb)]) + " |")


main()
