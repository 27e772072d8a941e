/**
 * The server's side of HTTP/1.1 on one connection, as a test plays it: it reads requests one after another and lets the
 * test answer each with whatever bytes it likes, at whatever time.
 */
import type { Connection, ConnectionHandler } from "@weir/transport"

/** A request that a simulated server has heard to its end. */
export interface HeardRequest {
  readonly method: string
  readonly target: string
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
}

/** What the test does with a request that has come whole. Bytes are written as Latin-1. */
export type Answer = (request: HeardRequest, connection: Connection) => void

/** Reads requests; `onHead` hears of each as soon as its head is there, `answer` when its body is. */
export class HttpPeer implements ConnectionHandler {
  private readonly connection: Connection
  private readonly answer: Answer
  private readonly onHead: (request: Omit<HeardRequest, "body">) => void
  /** What has come and belongs to no whole request yet, as Latin-1. */
  private text = ""
  private isHeadTold = false

  constructor(
    connection: Connection,
    answer: Answer,
    onHead: (request: Omit<HeardRequest, "body">) => void = () => {}
  ) {
    this.connection = connection
    this.answer = answer
    this.onHead = onHead
    connection.attach(this)
  }

  onData(chunk: Uint8Array): void {
    for (const byte of chunk) this.text += String.fromCharCode(byte)
    while (this.readRequest()) {
      // Each turn reads one.
    }
  }

  onEnd(): void {
    this.connection.close()
  }

  onDrain(): void {}

  onClose(): void {}

  private readRequest(): boolean {
    const headEnd = this.text.indexOf("\r\n\r\n")
    if (headEnd < 0) return false
    const [requestLine = "", ...fields] = this.text.slice(0, headEnd).split("\r\n")
    const [method = "", target = ""] = requestLine.split(" ")
    const headers = new Map(
      fields.map((field) => {
        const colon = field.indexOf(":")
        return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const
      })
    )
    if (!this.isHeadTold) {
      this.isHeadTold = true
      this.onHead({ method, target, headers })
    }
    const rest = this.text.slice(headEnd + 4)
    const found =
      headers.get("transfer-encoding") === "chunked" ? unchunk(rest) : take(rest, headers.get("content-length"))
    if (found === undefined) return false
    this.text = found.rest
    this.isHeadTold = false
    const body = Uint8Array.from(found.body, (one) => one.charCodeAt(0))
    this.answer({ method, target, headers, body }, this.connection)
    return true
  }
}

const take = (text: string, length: string | undefined): { body: string; rest: string } | undefined => {
  const count = Number(length ?? 0)
  return text.length < count ? undefined : { body: text.slice(0, count), rest: text.slice(count) }
}

const unchunk = (text: string): { body: string; rest: string } | undefined => {
  let body = ""
  for (let at = 0; ; ) {
    const lineEnd = text.indexOf("\r\n", at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (text.length < end) return undefined
    if (size === 0) return { body, rest: text.slice(end) }
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = end
  }
}
