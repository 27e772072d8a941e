/**
 * A trial as people read it.
 */
import type { Trial } from "./Trial.ts"

const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, times]) => `${times.toLocaleString("en-US")} ${name}`)
    .join(", ")

export const describeTrial = (trial: Trial, stormSeconds: number): string => {
  const { faults, findings, heapMegabytes, mostConnections, outcomes, postCount, rates, reconfigurationCount } = trial
  const [calm, stormy, after] = rates.map((rate) => Math.round(rate).toLocaleString("en-US"))
  const lines = [
    `## ${trial.runtime}, a storm of ${stormSeconds} s, seed ${trial.seed}`,
    "",
    `- calls: ${listed(outcomes)}`,
    `- what befell the servers: ${listed(faults)}; ${reconfigurationCount} times limits or routes were changed`,
    `- POSTs carried out: ${postCount.toLocaleString("en-US")}; connections at most: ${mostConnections}`,
    `- calls answered a second: ${calm} before, ${stormy} in the storm, ${after} after it`,
    `- heap: ${heapMegabytes[0].toFixed(1)} MB before, ${heapMegabytes[1].toFixed(1)} MB at the end`,
    findings.length === 0 ? "- no promise was broken" : `- **broken promises: ${findings.length}**`,
    ...findings.slice(0, 20).map((finding) => `  - ${finding}`),
    ""
  ]
  return lines.join("\n")
}
