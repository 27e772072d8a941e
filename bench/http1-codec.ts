/**
 * The HTTP/1.1 codec alone, without a socket: what it costs to read a head, to keep it, and to write one.
 *
 * The head is nginx's for a small file, 224 bytes; it arrives as runtimes deliver it, in a part of a larger buffer. The
 * ways to keep it decide how `packages/http1/src/Latin1.ts` is written.
 */
import { Buffer } from "node:buffer"
import {
  defaultHttp1Limits,
  makeSession,
  type RequestHead,
  type ResponseHead,
  type ResponseReceiver
} from "@weir/http1"
import { type Connection, type ConnectionHandler, type ConnectionInfo, Target } from "@weir/transport"
import { HeadScanner } from "../packages/http1/src/HeadScanner.ts"
import { decodeLatin1 } from "../packages/http1/src/Latin1.ts"
import { encodeRequestHead } from "../packages/http1/src/RequestEncoder.ts"
import { ResponseParser, type ResponseSink } from "../packages/http1/src/ResponseParser.ts"
import { type Contestant, isQuick, Report } from "./harness.ts"

const head =
  "HTTP/1.1 200 OK\r\nServer: nginx/1.24.0\r\nDate: Sat, 21 Nov 2026 09:41:00 GMT\r\nContent-Type: text/plain\r\n" +
  "Content-Length: 41\r\nLast-Modified: Sat, 21 Nov 2026 09:00:00 GMT\r\nConnection: keep-alive\r\n" +
  'ETag: "65a0-29"\r\nAccept-Ranges: bytes\r\n\r\n'
const body = "x".repeat(41)
const chunkedHead = head.replace("Content-Length: 41", "Transfer-Encoding: chunked")

/** A part of a larger buffer: on Node a `Buffer`, as `node:net` delivers it, elsewhere a plain array. */
const arrived = (text: string): Uint8Array => {
  const buffer = Buffer.alloc(65_536)
  const length = buffer.write(text, 128, "latin1")
  return "Bun" in globalThis || "Deno" in globalThis
    ? new Uint8Array(buffer.buffer, buffer.byteOffset + 128, length)
    : buffer.subarray(128, 128 + length)
}

const answer = arrived(head + body)
const answerStart = arrived(head.slice(0, 100))
const answerRest = arrived(head.slice(100) + body)
const chunkedAnswer = arrived(`${chunkedHead}29\r\n${body}\r\n0\r\n\r\n`)

/** What the contestants produce, kept so that no compiler leaves the work out. */
let sum = 0

const repeat =
  (act: () => void): Contestant["run"] =>
  (count) => {
    for (let done = 0; done < count; done++) act()
    return undefined
  }

const latin1Decoder = new TextDecoder("latin1")

const keeping: ReadonlyArray<Contestant> = [
  {
    name: "decodeLatin1",
    run: repeat(() => {
      sum += decodeLatin1(answer, 0, head.length).length
    })
  },
  {
    name: "copied bytes",
    run: repeat(() => {
      sum += Uint8Array.prototype.slice.call(answer, 0, head.length).length
    })
  },
  {
    name: "TextDecoder",
    run: repeat(() => {
      sum += latin1Decoder.decode(answer.subarray(0, head.length)).length
    })
  },
  {
    name: "String.fromCharCode",
    run: repeat(() => {
      const text: string = Reflect.apply(String.fromCharCode, undefined, answer.subarray(0, head.length))
      sum += text.length
    })
  }
]

const scanner = new HeadScanner()

let lastHead: ResponseHead | undefined

const sink: ResponseSink = {
  onInterimHead: () => {},
  onFinalHead: (one) => {
    lastHead = one
  },
  onBodyBytes: (bytes) => {
    sum += bytes.length
  },
  onMessageEnd: () => {},
  onSwitch: () => {},
  onFault: ({ detail }) => {
    throw new Error(detail)
  }
}

const parser = new ResponseParser(sink, defaultHttp1Limits)

const parse = (...chunks: ReadonlyArray<Uint8Array>): void => {
  parser.begin("GET", false)
  for (const chunk of chunks) parser.feed(chunk)
}

const reading: ReadonlyArray<Contestant> = [
  {
    name: "scan",
    run: repeat(() => {
      scanner.begin("head", defaultHttp1Limits.headByteCountMax, defaultHttp1Limits.headerCountMax)
      sum += scanner.scan(answer, 0, answer.length)
    })
  },
  { name: "answer in one read", run: repeat(() => parse(answer)) },
  {
    name: "and one header read",
    run: repeat(() => {
      parse(answer)
      sum += lastHead?.get("content-type")?.length ?? 0
    })
  },
  {
    name: "and all headers read",
    run: repeat(() => {
      parse(answer)
      sum += lastHead?.headers.length ?? 0
    })
  },
  { name: "answer in two reads", run: repeat(() => parse(answerStart, answerRest)) },
  { name: "chunked answer", run: repeat(() => parse(chunkedAnswer)) }
]

const get: RequestHead = {
  method: "GET",
  target: "/small.txt?a=b",
  headers: ["Host", "127.0.0.1:8080", "Accept", "*/*", "User-Agent", "weir"],
  body: { _tag: "empty" }
}
const post: RequestHead = { ...get, method: "POST", body: { _tag: "bytes", bytes: Buffer.from(body) } }

const writing: ReadonlyArray<Contestant> = [
  {
    name: "GET",
    run: repeat(() => {
      sum += String(encodeRequestHead(get)).length
    })
  },
  {
    name: "POST",
    run: repeat(() => {
      sum += String(encodeRequestHead(post)).length
    })
  }
]

/** Takes what is written, and lets the benchmark answer. */
class InstantConnection implements Connection {
  readonly info: ConnectionInfo = {
    layer: "bench",
    remoteAddress: Target.formatAddress(Target.tcp("127.0.0.1", 80)),
    remotePort: 80,
    localAddress: "127.0.0.1",
    localPort: 1,
    timing: {}
  }
  readonly isOpen = true
  readonly hasMore = false
  handler: ConnectionHandler | undefined
  attach(handler: ConnectionHandler): void {
    this.handler = handler
  }
  write(chunk: Uint8Array | string): boolean {
    sum += chunk.length
    return true
  }
  end(): void {}
  pause(): void {}
  resume(): void {}
  close(): void {}
  reset(): void {}
  ref(): void {}
  unref(): void {}
}

const connection = new InstantConnection()
const session = makeSession(connection, { onIdleEvent: () => {}, onClosed: () => {} })
const receiver: ResponseReceiver = {
  onInformational: () => {},
  onHead: ({ status }) => {
    sum += status
  },
  onBody: (bytes) => {
    sum += bytes.length
  },
  onComplete: () => {},
  onUpgrade: () => {},
  onWritable: () => {},
  onFailure: (error) => {
    throw error
  }
}

const exchanging: ReadonlyArray<Contestant> = [
  {
    name: "GET and its answer",
    run: repeat(() => {
      session.start(get, receiver)
      connection.handler?.onData(answer)
    })
  },
  {
    name: "POST and its chunked answer",
    run: repeat(() => {
      session.start(post, receiver)
      connection.handler?.onData(chunkedAnswer)
    })
  }
]

const report = new Report("http1-codec", ["effect"])
const turns = { clock: "cpu", rounds: isQuick ? 5 : 25, turnMillis: isQuick ? 20 : 60 } as const
await report.compare(
  "Keep a head of 224 bytes",
  keeping,
  [
    ["copied bytes", "decodeLatin1"],
    ["TextDecoder", "decodeLatin1"],
    ["String.fromCharCode", "decodeLatin1"]
  ],
  turns
)
await report.compare("Read an answer", reading, [["answer in two reads", "answer in one read"]], turns)
await report.compare("Write a request head", writing, [], turns)
await report.compare("One exchange of a session", exchanging, [], turns)
report.finish()
if (sum === 0) throw new Error("nothing was measured")
