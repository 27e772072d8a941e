/**
 * Connections that end in the same process: whatever is written, the whole answer arrives in the next turn of the event
 * loop. What is left of a call's processor time is the client's own, without the system's.
 */
import { Buffer } from "node:buffer"
import type { Connection, ConnectionHandler, ConnectionInfo } from "@weir/transport"
import { answerBody } from "../upstream.ts"

/** As nginx's: as long, and told apart by an identifier. */
const answerNumber = (number: number): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: ${answerBody.length}\r\nConnection: keep-alive\r\nX-Request-Id: ${number.toString(16).padStart(32, "0")}\r\n\r\n${answerBody}`,
    "latin1"
  )

const answers = Array.from({ length: 64 }, (_, number) => answerNumber(number))
let answeredCount = 0

/** Written to, so that nobody saves the work of putting a request together. */
const written = Buffer.alloc(65_536)

/** Those that have been written to in this turn; at most every connection, once. */
let asked: Array<MemoryConnection> = []

const answerAll = (): void => {
  const connections = asked
  asked = []
  for (const connection of connections) connection.answer()
}

const info: ConnectionInfo = {
  layer: "memory",
  remoteAddress: "192.0.2.1",
  remotePort: 80,
  localAddress: "192.0.2.2",
  localPort: 40_000,
  timing: {}
}

export class MemoryConnection implements Connection {
  readonly info = info
  isOpen = true
  readonly hasMore = false
  private handler: ConnectionHandler | undefined

  attach(handler: ConnectionHandler): void {
    this.handler = handler
  }

  write(chunk: Uint8Array | string): boolean {
    if (typeof chunk === "string") written.write(chunk, 0, "latin1")
    if (asked.length === 0) setImmediate(answerAll)
    asked.push(this)
    return true
  }

  /** Each read is in memory of its own, as on Bun: the dearer of what the runtimes do. */
  answer(): void {
    const answer = answers[answeredCount++ % answers.length]
    if (answer !== undefined) this.handler?.onData(Buffer.from(answer))
  }

  end(): void {
    this.isOpen = false
  }

  close(): void {
    this.isOpen = false
  }

  reset(): void {
    this.isOpen = false
  }

  // Nobody pauses a connection for an answer that is whole at once, and its process has other reasons to live.
  pause(): void {}
  resume(): void {}
  ref(): void {}
  unref(): void {}
}
