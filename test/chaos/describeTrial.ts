/**
 * What was tried on one runtime, as people read it.
 */
import type { EndingsResult } from "./Endings.ts"
import type { OverloadResult } from "./Overload.ts"
import type { Held } from "./Protocol.ts"
import type { Trial } from "./Trial.ts"

const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, times]) => `${times.toLocaleString("en-US")} ${name}`)
    .join(", ")

const whole = (value: number): string => Math.round(value).toLocaleString("en-US")
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

const heldText = ({ descriptorCount, fiberCount, heapBytes, timerCount }: Held): string =>
  `${megabytes(heapBytes)} of heap, ${descriptorCount} descriptors, ${fiberCount} fibers, ${timerCount ?? "unknown"} timers`

const starvedLines = (isStarved: boolean): ReadonlyArray<string> =>
  isStarved
    ? ["- **not judged, for the machine was too busy with other things: speed, and what failed for lack of it**"]
    : []

const findingLines = (findings: ReadonlyArray<string>): ReadonlyArray<string> =>
  findings.length === 0
    ? ["- no promise was broken"]
    : [`- **broken promises: ${findings.length}**`, ...findings.map((finding) => `  - ${finding}`)]

export const describeTrial = (trial: Trial): ReadonlyArray<string> => {
  const { closedByReason, faults, findings, held, mostConnections, outcomes, postCount, rates } = trial
  const [calm, stormy, after] = rates.map(whole)
  return [
    `- calls and leases: ${listed(outcomes)}`,
    `- what befell the servers and the ways to them: ${listed(faults)}`,
    `- ${trial.reconfigurationCount} times limits, routes or the number of callers were changed`,
    `- POSTs carried out: ${whole(postCount)}; connections at most: ${mostConnections}; closed for: ${listed(closedByReason)}`,
    `- calls answered a second: ${calm} before, ${stormy} in the storm, ${after} from two seconds after it`,
    `- the machine let the client wait for ${whole(trial.starvedMillis[0])} ms in all, and ${whole(trial.starvedMillis[1])} ms from two seconds after the storm`,
    ...starvedLines(trial.isStarved),
    `- before the callers began: ${heldText(held[0])}`,
    `- when all was closed: ${heldText(held[1])}`,
    ...findingLines(findings)
  ]
}

export const describeOverload = (overload: OverloadResult): ReadonlyArray<string> => {
  const { arrivalRate, findings, heldAfter, heldBefore, latencyMillis, rates } = overload
  const [before, during, after] = rates
  return [
    `- calls answered a second: ${before.toFixed(1)} before, with as many callers as connections; ${during.toFixed(1)} under overload (${((100 * during) / before).toFixed(1)} %); ${after.toFixed(1)} in the second after it`,
    `- callers arriving a second: ${whole(arrivalRate)}; refused in all: ${whole(overload.refusedCount)}`,
    `- a refusal took ${overload.refusalMicros.toFixed(1)} µs of CPU time, ${overload.refusalMicrosInAll.toFixed(1)} µs with the arrival and the collector`,
    `- who was answered waited ${whole(latencyMillis.median)} ms (median), ${whole(latencyMillis.p99)} ms (p99)`,
    `- heap: ${megabytes(heldBefore.heapBytes)} before, ${megabytes(overload.heapBytesMost)} at most, ${megabytes(heldAfter.heapBytes)} after; resident at most: ${megabytes(overload.residentBytesMost)}`,
    `- the machine let the client wait for ${(100 * overload.starvedRatio).toFixed(1)} % of the time`,
    ...starvedLines(overload.isStarved),
    `- nobody waited any more ${whole(overload.recoveryMillis)} ms after the last arrival`,
    ...findingLines(findings)
  ]
}

export const describeEndings = (endings: EndingsResult): ReadonlyArray<string> => [
  `- killed in mid-work: no socket of either side was left ${whole(endings.killedMillis)} ms later`,
  `- SIGTERM: ${endings.finishedCount} calls under way were answered, ${endings.refusedCount} that waited were told that the pool is closed, and carried out nowhere`,
  ...findingLines(endings.findings)
]
