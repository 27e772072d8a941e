/**
 * What is known of an exchange while it lasts, and what it holds: the access log's record is read from it, and `leave`
 * gives back what it holds, whatever moment the exchange ends at.
 */
import type { ClientResponse } from "@weir/client"
import type { Candidate } from "./Balancer.ts"
import type { ClusterRuntime } from "./ClusterRuntime.ts"
import type { ResponseFlag } from "./ResponseFlag.ts"

export class Progress {
  /** 0: no head of an answer was sent. */
  status = 0
  flags: ReadonlySet<ResponseFlag> = noFlags
  /** Bytes of bodies. */
  receivedByteCount = 0
  sentByteCount = 0
  upstreamMillis: number | undefined
  upstream: string | undefined
  retryCount = 0
  private runtime: ClusterRuntime | undefined
  private candidate: Candidate | undefined
  private answer: ClientResponse | undefined
  private holdsRetry = false

  get cluster(): string | undefined {
    return this.runtime?.cluster.id
  }

  addFlag(flag: ResponseFlag): void {
    this.flags = new Set(this.flags).add(flag)
  }

  enterCluster(runtime: ClusterRuntime): void {
    this.runtime = runtime
    runtime.requestCount++
  }

  /** The endpoint of the next try; it takes the place of the one before. */
  enterEndpoint(candidate: Candidate): void {
    if (this.candidate !== undefined) this.candidate.activeCount--
    this.candidate = candidate
    candidate.activeCount++
    this.upstream = candidate.address
  }

  holdAnswer(answer: ClientResponse): void {
    this.answer = answer
  }

  /** Gives up what is left of the answer; nothing where its body is complete. */
  discardAnswer(): void {
    this.answer?.discard()
    this.answer = undefined
  }

  /** Takes a place among the retries under way, with the first retry and to the end; false: there is none. */
  holdRetry(): boolean {
    this.holdsRetry ||= this.runtime?.takeRetry() === true
    return this.holdsRetry
  }

  leave(): void {
    this.discardAnswer()
    if (this.holdsRetry) this.runtime?.giveRetry()
    if (this.candidate !== undefined) this.candidate.activeCount--
    if (this.runtime !== undefined) this.runtime.requestCount--
  }
}

const noFlags: ReadonlySet<ResponseFlag> = new Set()
