/**
 * A receiver and an owner that write down what they hear, in a form that tests can compare.
 */
import { Buffer } from "node:buffer"
import type { IdleEvent, ResponseHead, ResponseReceiver, ReuseVerdict, Session, SessionOwner } from "@weir/http1"
import { type Http1Error, type Http1Limits, makeSession, type RawHeaders, type RequestHead } from "@weir/http1"
import type { TransportError } from "@weir/transport"
import { MemoryConnection } from "../../../test/support/MemoryConnection.ts"

export type Heard =
  | { readonly informational: HeadFacts }
  | { readonly head: HeadFacts }
  | { readonly body: string }
  | { readonly complete: string; readonly trailers: RawHeaders }
  | { readonly upgrade: HeadFacts; readonly rest: string }
  | { readonly failure: string; readonly detail: string }
  | "writable"

export interface HeadFacts {
  readonly line: string
  readonly headers: RawHeaders
}

const factsOf = (head: ResponseHead): HeadFacts => ({
  line: `${head.version} ${head.status} ${head.reasonPhrase}`,
  headers: head.headers
})

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")

const formatVerdict = (verdict: ReuseVerdict): string => {
  if (verdict._tag === "closing") return verdict.reason
  const { idleMillisMax, usesMax } = verdict
  return idleMillisMax === undefined && usesMax === undefined ? "reusable" : `reusable ${idleMillisMax} ${usesMax}`
}

/** Pieces of a body that follow each other are written down as one: where a read cuts it means nothing. */
export class Recorder implements ResponseReceiver {
  readonly heard: Array<Heard> = []
  head: ResponseHead | undefined
  rest: Uint8Array | undefined
  readCount = 0
  /** What the test does inside a call, by the call's name. */
  readonly reactions: { [Call in keyof ResponseReceiver]?: () => void }
  #body: { body: string } | undefined

  constructor(reactions: { [Call in keyof ResponseReceiver]?: () => void } = {}) {
    this.reactions = reactions
  }

  get last(): Heard | undefined {
    return this.heard.at(-1)
  }

  onInformational(head: ResponseHead): void {
    this.#note({ informational: factsOf(head) })
    this.reactions.onInformational?.()
  }

  onHead(head: ResponseHead): void {
    this.head = head
    this.#note({ head: factsOf(head) })
    this.reactions.onHead?.()
  }

  onBody(chunk: Uint8Array): void {
    if (chunk.length === 0) throw new Error("an empty piece of a body")
    if (this.#body === undefined) {
      const body = { body: "" }
      this.#note(body)
      this.#body = body
    }
    this.#body.body += textOf(chunk)
    this.reactions.onBody?.()
  }

  onComplete(verdict: ReuseVerdict, trailers: RawHeaders): void {
    this.#note({ complete: formatVerdict(verdict), trailers })
    this.reactions.onComplete?.()
  }

  onUpgrade(head: ResponseHead, rest: Uint8Array): void {
    this.rest = rest
    this.#note({ upgrade: factsOf(head), rest: textOf(rest) })
    this.reactions.onUpgrade?.()
  }

  onReadEnd(): void {
    this.readCount++
  }

  onWritable(): void {
    this.#note("writable")
    this.reactions.onWritable?.()
  }

  onFailure(error: Http1Error): void {
    this.#note({ failure: `${error.reason} ${error.progress}`, detail: error.message })
    this.reactions.onFailure?.()
  }

  #note(heard: Heard): void {
    this.#body = undefined
    this.heard.push(heard)
  }
}

export class OwnerRecorder implements SessionOwner {
  readonly heard: Array<IdleEvent | "closed" | TransportError> = []

  onIdleEvent(event: IdleEvent): void {
    this.heard.push(event)
  }

  onClosed(error: TransportError | undefined): void {
    this.heard.push(error ?? "closed")
  }
}

export interface Bench {
  readonly connection: MemoryConnection
  readonly session: Session
  readonly owner: OwnerRecorder
}

export const openSession = (limits?: Http1Limits): Bench => {
  const connection = new MemoryConnection()
  const owner = new OwnerRecorder()
  return { connection, owner, session: makeSession(connection, owner, limits) }
}

export const request = (fields: Partial<RequestHead> = {}): RequestHead => ({
  method: "GET",
  target: "/",
  headers: ["Host", "a.test"],
  body: { _tag: "empty" },
  ...fields
})

export interface AnswerOptions {
  readonly head?: Partial<RequestHead>
  readonly limits?: Http1Limits
  /** The peer sends FIN behind the last piece. */
  readonly isFinished?: boolean
}

/** What is heard of an answer that arrives in these pieces. */
export const hear = (
  pieces: Iterable<string>,
  { head, limits, isFinished }: AnswerOptions = {}
): ReadonlyArray<Heard> => {
  const { connection, session } = openSession(limits)
  const recorder = new Recorder()
  session.start(request(head), recorder)
  for (const piece of pieces) connection.send(piece)
  if (isFinished === true) connection.finish()
  return recorder.heard
}

/** Each way to send a text in two pieces, and the way that sends each octet on its own. */
export const splitsOf = function* (text: string): Generator<ReadonlyArray<string>> {
  for (let index = 1; index < text.length; index++) yield [text.slice(0, index), text.slice(index)]
  yield [...text]
}
