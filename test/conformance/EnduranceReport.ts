/**
 * What thousands of connects, given up or closed, came to, and what of it is wrong.
 */

export interface EnduranceReport {
  /** Descriptors that are open at the end and were not at the beginning. */
  readonly leftCount: number
  /** Resident memory after each tenth of the cycles. */
  readonly megabytes: ReadonlyArray<number>
  /** What is alive on the heap then; absent where nobody can ask for a collection of garbage. */
  readonly heapMegabytes?: ReadonlyArray<number>
  readonly outcomeCounts: { readonly opened: number; readonly interrupted: number; readonly failed: number }
}

/** Deno opens a pair of sockets for itself, once, some time after it has started. */
const ownDescriptorCountMax = { node: 0, bun: 0, deno: 2 } as const

const growthMegabytesMax = 24

/**
 * From the middle on: by then the runtime's own heap has found its size. What is alive tells a leak; without it, resident
 * memory does, which runtimes give back as they please.
 */
export const growthMegabytesOf = ({ heapMegabytes, megabytes }: EnduranceReport): number => {
  const tenths = heapMegabytes ?? megabytes
  return (tenths.at(-1) ?? Number.NaN) - (tenths[4] ?? Number.NaN)
}

/** Sentences about what should not be; none is good. */
export const faultsIn = (report: EnduranceReport, runtime: "node" | "bun" | "deno"): ReadonlyArray<string> => {
  const { heapMegabytes, leftCount, megabytes, outcomeCounts } = report
  const faults: Array<string> = []
  if (leftCount > ownDescriptorCountMax[runtime]) faults.push(`${leftCount} descriptors are left open`)
  if (!(growthMegabytesOf(report) < growthMegabytesMax))
    faults.push(`memory grows: ${(heapMegabytes ?? megabytes).join(", ")} MB`)
  if (outcomeCounts.failed > 0) faults.push(`${outcomeCounts.failed} connects have failed`)
  // That the run met what it is about.
  if (outcomeCounts.interrupted === 0) faults.push("no connect was given up")
  if (outcomeCounts.opened < outcomeCounts.interrupted) faults.push("less than half of the connects were opened")
  return faults
}
