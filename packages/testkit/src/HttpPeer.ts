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

type Head = Omit<HeardRequest, "body">

/** Reads requests; `onHead` hears of each as soon as its head is there, `answer` when its body is. */
export class HttpPeer implements ConnectionHandler {
  private readonly connection: Connection
  private readonly answer: Answer
  private readonly onHead: (request: Head) => void
  /** What has come and has not been understood yet, as Latin-1. */
  private text = ""
  /** The request whose body is being read. */
  private head: Head | undefined
  private body = ""

  constructor(connection: Connection, answer: Answer, onHead: (request: Head) => void = () => {}) {
    this.connection = connection
    this.answer = answer
    this.onHead = onHead
    connection.attach(this)
  }

  onData(chunk: Uint8Array): void {
    for (const byte of chunk) this.text += String.fromCharCode(byte)
    while (this.head === undefined ? this.readHead() : this.readBody(this.head)) {
      // Each turn understands a little more.
    }
  }

  onEnd(): void {
    this.connection.close()
  }

  onDrain(): void {}

  onClose(): void {}

  private readHead(): boolean {
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
    this.text = this.text.slice(headEnd + 4)
    this.head = { method, target, headers }
    this.body = ""
    this.onHead(this.head)
    return true
  }

  /** False: nothing more can be done with what has come. */
  private readBody(head: Head): boolean {
    if (head.headers.get("transfer-encoding") === "chunked") return this.readChunk(head)
    const byteCount = Number(head.headers.get("content-length") ?? 0)
    this.body += this.take(byteCount - this.body.length)
    return this.body.length < byteCount ? false : this.complete(head)
  }

  private readChunk(head: Head): boolean {
    const lineEnd = this.text.indexOf("\r\n")
    if (lineEnd < 0) return false
    const size = Number.parseInt(this.text.slice(0, lineEnd), 16)
    const whole = lineEnd + 2 + size + 2
    if (this.text.length < whole) return false
    this.body += this.take(whole).slice(lineEnd + 2, lineEnd + 2 + size)
    return size === 0 ? this.complete(head) : true
  }

  private complete({ headers, method, target }: Head): boolean {
    const body = Uint8Array.from(this.body, (one) => one.charCodeAt(0))
    this.head = undefined
    this.answer({ method, target, headers, body }, this.connection)
    return true
  }

  private take(count: number): string {
    const taken = this.text.slice(0, count)
    this.text = this.text.slice(count)
    return taken
  }
}
