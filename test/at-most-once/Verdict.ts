/**
 * Compares what the server received with what the client was told. Each finding is a promise broken.
 *
 * | promise | broken when |
 * |---|---|
 * | at most once | a request that may not be repeated was seen twice |
 * | nothing was sent | the error said so, and the server had seen the request |
 * | no lost request | one that may be repeated failed, though its last connection was a used one and no byte of an answer was sent |
 * | no mixed answer | an answer, or a request's body, belonged to another number |
 * | no invented answer | the client has an answer, and the server never had the whole request |
 * | no other failure | it failed by anything but the end of a connection or a connect, a time limit among them |
 */
import type { Sighting } from "./Protocol.ts"

/** What the client was told about a number. */
export type Outcome =
  /** `echo`: what the answer said, in its fields and body; undefined if nobody read it. */
  | { readonly _tag: "answered"; readonly echo: string | undefined }
  | {
      readonly _tag: "failed"
      /** The client's reason, with its numbers. */
      readonly reason: string
      /** Did a connection end, or could it not be opened? It is all that this server does to a call. */
      readonly isOfConnection: boolean
      /** Of the last try. */
      readonly isReused: boolean
      readonly progress: string
      readonly retry: string
    }
  /** The caller went away. */
  | { readonly _tag: "given-up" }

export interface Told {
  readonly number: number
  readonly what: string
  /** May it be repeated: by its method or its caller's word, and its body can be sent again? */
  readonly isRepeatable: boolean
  /** The echo that belongs to it. */
  readonly expected: string
  readonly outcome: Outcome
  readonly retryCount: number
}

export const promises = [
  "at most once",
  "nothing was sent",
  "no lost request",
  "no mixed answer",
  "no invented answer",
  "no other failure"
] as const

export interface Finding {
  readonly promise: (typeof promises)[number]
  readonly text: string
}

/** The last of this many retries is the last try; what fails then was not promised more. */
export const retryCountMax = 3

export const judge = (told: ReadonlyArray<Told>, sightings: ReadonlyArray<Sighting>): ReadonlyArray<Finding> => {
  const byNumber = new Map<number, Array<Sighting>>()
  for (const sighting of sightings) {
    const known = byNumber.get(sighting.number)
    if (known === undefined) byNumber.set(sighting.number, [sighting])
    else known.push(sighting)
  }
  const strangers = sightings.length - told.reduce((sum, { number }) => sum + (byNumber.get(number)?.length ?? 0), 0)
  const unknown: ReadonlyArray<Finding> =
    strangers === 0 ? [] : [{ promise: "no mixed answer", text: `${strangers} requests carried a number nobody sent` }]
  return [...unknown, ...told.flatMap((one) => judgeOne(one, byNumber.get(one.number) ?? []))]
}

const judgeOne = (told: Told, seen: ReadonlyArray<Sighting>): ReadonlyArray<Finding> => {
  const { expected, isRepeatable, number, outcome, retryCount, what } = told
  const findings: Array<Finding> = []
  const find = (promise: Finding["promise"], text: string): void => {
    findings.push({ promise, text: `${what} ${number}: ${text}` })
  }
  if (!isRepeatable && seen.length > 1) find("at most once", `the server saw it ${seen.length} times`)
  // Only of a call that ended is it known how often it was sent.
  if (outcome._tag !== "given-up" && seen.length > retryCount + 1) {
    find("at most once", `the server saw it ${seen.length} times, and the client told of ${retryCount} retries`)
  }
  if (seen.some(({ isIntact }) => !isIntact)) find("no mixed answer", "its body was not its own")
  if (outcome._tag === "answered") {
    if (outcome.echo !== undefined && outcome.echo !== expected) find("no mixed answer", `it was told ${outcome.echo}`)
    if (!seen.some(({ isComplete }) => isComplete)) find("no invented answer", "the server never had it whole")
  }
  if (outcome._tag === "failed") {
    const { isOfConnection, isReused, progress, reason, retry } = outcome
    if (!isOfConnection) find("no other failure", reason)
    const saysUnsent = progress === "unsent" || retry === "always"
    if (!isRepeatable && saysUnsent && seen.length > 0) find("nothing was sent", `the server saw it; ${reason}`)
    const last = seen.at(-1)
    // The server knows the last try only if it saw every one: a reset may throw a request away unread.
    const wasStale =
      seen.length === retryCount + 1 && last !== undefined && last.ordinal > 1 && last.sentByteCount === 0
    const saysStale = isReused && (progress === "sent" || progress === "unsent")
    if (isOfConnection && isRepeatable && retryCount < retryCountMax && (wasStale || saysStale)) {
      find("no lost request", `it was not sent again after ${retryCount} retries; ${reason}`)
    }
  }
  return findings
}
