/**
 * The figures that were published for Istio and fortio with the same rule: another network and another proxy, to be
 * compared in shape and not in number.
 */
export interface PublishedRun {
  readonly concurrency: number
  readonly requests: number
  readonly refusedPercent: number
  readonly socketsUsed: number
}

export const publishedRuns: ReadonlyArray<PublishedRun> = [
  { concurrency: 10, requests: 100, refusedPercent: 25, socketsUsed: 35 },
  { concurrency: 20, requests: 200, refusedPercent: 48.5, socketsUsed: 112 },
  { concurrency: 30, requests: 300, refusedPercent: 60, socketsUsed: 202 }
]
