/**
 * Our reading of answers beside that of Node's own client in its strict mode, which is llhttp: what we accept, it must
 * accept and understand alike.
 */
import { once } from "node:events"
import { type IncomingMessage, request as nodeRequest } from "node:http"
import { createServer, type Server } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { listen } from "../../../test/support/Listening.ts"
import { hear } from "./Recorder.ts"

interface Answer {
  readonly line: string
  readonly headers: ReadonlyArray<string>
  readonly body: string
  readonly trailers: ReadonlyArray<string>
}

type Reading = Answer | "refused"

let server: Server
let port = 0
/** What the server says next to whoever connects. */
let next = ""

expectNothingLeft()

beforeAll(async () => {
  server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {
      // Node's client resets the connection when it refuses an answer.
    })
    socket.once("data", () => socket.end(next, "latin1"))
  })
  port = await listen(server)
})

afterAll(async () => {
  await once(server.close(), "close")
})

const readByNode = (text: string, method: string): Promise<Reading> =>
  new Promise((resolve) => {
    next = text
    const outgoing = nodeRequest({ port, host: "127.0.0.1", method, agent: false, insecureHTTPParser: false })
    outgoing.on("error", () => resolve("refused"))
    outgoing.on("upgrade", (_response, socket) => {
      socket.destroy()
      resolve("refused")
    })
    outgoing.on("response", (response: IncomingMessage) => {
      const pieces: Array<Buffer> = []
      response.on("error", () => resolve("refused"))
      response.on("data", (piece: Buffer) => pieces.push(piece))
      response.on("end", () =>
        resolve({
          line: `${response.httpVersion} ${response.statusCode} ${response.statusMessage}`,
          headers: response.rawHeaders,
          body: Buffer.concat(pieces).toString("latin1"),
          trailers: response.rawTrailers
        })
      )
    })
    outgoing.end()
  })

/** `excess`: complete, but bytes followed, for which the connection is closed. */
const readByUs = (pieces: ReadonlyArray<string>, method: string): Reading | "excess" => {
  const heard = hear(pieces, { head: { method }, isFinished: true })
  let answer: Answer = { line: "", headers: [], body: "", trailers: [] }
  for (const event of heard) {
    if (event === "writable") continue
    if ("head" in event) answer = { ...answer, ...event.head }
    else if ("body" in event) answer = { ...answer, body: event.body }
    else if ("failure" in event) return "refused"
    else if ("complete" in event) {
      return event.complete === "excess-bytes" ? "excess" : { ...answer, trailers: event.trailers }
    }
  }
  throw new Error(`the answer did not end: ${JSON.stringify(heard)}`)
}

const tokenCharacter = fc.constantFrom(..."!#$%&'*+-.^_`|~09azAZ")
const fieldCharacter = fc.constantFrom(...'\t !"(),/:;<=>?@[\\]{}~09azAZ\x80\xa0\xe9\xff')
const token = fc.string({ unit: tokenCharacter, minLength: 1, maxLength: 12 })
const value = fc.string({ unit: fieldCharacter, maxLength: 20 })
const whitespace = fc.string({ unit: fc.constantFrom(" ", "\t"), maxLength: 2 })

const notable = /^(connection|content-length|keep-alive|transfer-encoding|upgrade|proxy-connection)$/i
const line = fc
  .tuple(
    token.filter((name) => !notable.test(name)),
    whitespace,
    value,
    whitespace
  )
  .map(([name, before, text, after]) => `${name}:${before}${text}${after}\r\n`)
const lines = fc.array(line, { maxLength: 4 }).map((all) => all.join(""))

const connection = fc.constantFrom(
  "",
  "Connection: close\r\n",
  "connection:\tkeep-alive \r\n",
  "Keep-Alive: timeout=5\r\n"
)

const content = fc.string({ unit: fc.constantFrom(..."ab\r\n\0\xff0;:"), maxLength: 40 })

const extension = fc.oneof(
  fc.constant(""),
  token.map((name) => `;${name}`),
  fc.tuple(token, token).map(([name, text]) => `;${name}=${text}`),
  fc
    .tuple(token, fc.constantFrom('""', '"a b"', '"a;b=c"', '"\\""', '"\\\\"'))
    .map(([name, text]) => `;${name}=${text}`)
)

const chunk = fc
  .tuple(
    content.filter((text) => text !== ""),
    extension,
    fc.constantFrom("", "0", "00"),
    fc.boolean()
  )
  .map(([text, suffix, zeros, isUpper]) => {
    const size = text.length.toString(16)
    return `${zeros}${isUpper ? size.toUpperCase() : size}${suffix}\r\n${text}\r\n`
  })

const framedBody = fc.oneof(
  content.map((text) => ({ field: `Content-Length: ${text.length}\r\n`, text })),
  fc.tuple(fc.array(chunk, { maxLength: 4 }), extension, lines).map(([chunks, suffix, trailers]) => ({
    field: "Transfer-Encoding: chunked\r\n",
    text: `${chunks.join("")}0${suffix}\r\n${trailers}\r\n`
  })),
  content.map((text) => ({ field: "", text }))
)

const interim = fc
  .tuple(fc.constantFrom(100, 102, 103), lines)
  .map(([status, fields]) => `HTTP/1.1 ${status} Wait\r\n${fields}\r\n`)

/** A message that every reader must read. */
const message = fc
  .tuple(
    fc.array(interim, { maxLength: 2 }),
    fc.constantFrom("1.1", "1.1", "1.1", "1.0"),
    fc.constantFrom(200, 201, 206, 299, 404, 500, 599, 999),
    fc.oneof(fc.constant(""), value),
    lines,
    connection,
    framedBody,
    lines
  )
  .filter(([, version, , , , , body]) => version === "1.1" || !body.field.startsWith("Transfer"))
  .map(
    ([interims, version, status, reason, before, option, body, after]) =>
      `${interims.join("")}HTTP/${version} ${status} ${reason}\r\n${before}${option}${body.field}${after}\r\n${body.text}`
  )

const split = (text: string, cuts: ReadonlyArray<number>): ReadonlyArray<string> => {
  const ends = [...cuts.map((cut) => Math.floor(cut * text.length)), text.length].sort((a, b) => a - b)
  return ends.map((end, index) => text.slice(ends[index - 1] ?? 0, end)).filter((piece) => piece !== "")
}

/** A share of the message; whole numbers, since random doubles crowd around 0. */
const place = fc.nat({ max: 9999 }).map((share) => share / 10_000)
const cuts = fc.array(place, { maxLength: 6 })

/** Changes that attacks are made of, at a place anywhere in the message. */
const damage = fc.constantFrom(
  "\r",
  "\n",
  "\r\n",
  " ",
  "\t",
  "\0",
  "\x7f",
  ":",
  ";",
  ",",
  "0",
  "+",
  "-",
  "x",
  "\xff",
  "\v",
  "Transfer-Encoding: chunked\r\n",
  "Content-Length: 3\r\n",
  "Connection: close\r\n",
  "\r\n "
)

const damaged = fc.tuple(message, place, fc.nat(2), damage).map(([text, share, removedCount, inserted]) => {
  const index = Math.floor(share * text.length)
  return text.slice(0, index) + inserted + text.slice(index + removedCount)
})

/**
 * Node takes the answer that follows a 1xx head with `close`, or of HTTP/1.0, for data after the last message. We read on
 * to the final answer, which every 1xx announces (RFC 9110 section 15.2), and close then (RFC 9112 section 9.6).
 */
const hasClosingInterim = (text: string): boolean =>
  hear([text]).some(
    (event) =>
      event !== "writable" &&
      "informational" in event &&
      (event.informational.line.startsWith("1.0") || /\bconnection,close\b/i.test(`${event.informational.headers}`))
  )

/** Node does not see `chunked` when a tab follows it, and reads up to the close; whitespace is no part of a value to us. */
const hasTabBehindChunked = (text: string): boolean =>
  /\r\ntransfer-encoding:[ \t]*chunked[ \t]*\t[ \t]*\r\n/i.test(text)

const withoutBody: ReadonlyArray<readonly [method: string, text: string]> = [
  ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"],
  ["HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["HEAD", "HTTP/1.1 200 OK\r\n\r\n"],
  ["GET", "HTTP/1.1 204 No Content\r\n\r\n"],
  ["GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"],
  ["GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"],
  ["GET", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"]
]

describe("Node's own client", () => {
  for (const [method, text] of withoutBody) {
    it(`finds no body, as we do, after ${JSON.stringify(text)} to ${method}`, async () => {
      const ours = readByUs([text], method)
      expect(ours).toMatchObject({ body: "" })
      expect(ours).toEqual(await readByNode(text, method))
    })
  }

  it("reads every valid answer as we do, however it is split", async () => {
    await fc.assert(
      fc.asyncProperty(message, cuts, async (text, places) => {
        const ours = readByUs(split(text, places), "GET")
        expect(ours).not.toBe("refused")
        expect(ours).toEqual(await readByNode(text, "GET"))
      }),
      { numRuns: 300 }
    )
  })

  it("accepts every damaged answer that we accept, and reads it as we do", async () => {
    await fc.assert(
      fc.asyncProperty(damaged, cuts, async (text, places) => {
        const ours = readByUs([text], "GET")
        if (hasClosingInterim(text)) return
        // A cut at the message's very end makes excess bytes those of an idle connection, which closes it as well.
        if (ours !== "excess") expect(readByUs(split(text, places), "GET")).toEqual(ours)
        if (ours === "refused" || ours === "excess" || hasTabBehindChunked(text)) return
        expect(ours).toEqual(await readByNode(text, "GET"))
      }),
      { numRuns: 1000 }
    )
  })
})
