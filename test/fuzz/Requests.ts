/**
 * Requests drawn at random, as our session writes them and as Node's server reads them, both in memory.
 */
import { Buffer } from "node:buffer"
import { createServer, METHODS } from "node:http"
import type { RequestBody } from "@weir/http1"
import type { Chance } from "@weir/testkit"
import { openSession, Recorder } from "../../packages/http1/test/Recorder.ts"
import { Wire } from "./NodeReading.ts"

export interface SentRequest {
  readonly method: string
  readonly target: string
  readonly headers: ReadonlyArray<string>
  /** Latin-1; sent in these pieces. */
  readonly pieces: ReadonlyArray<string>
  readonly framing: RequestBody["_tag"]
  readonly trailers: ReadonlyArray<string>
}

export interface ReadRequest {
  readonly method: string | undefined
  readonly target: string | undefined
  readonly headers: ReadonlyArray<string>
  readonly body: string
  readonly trailers: ReadonlyArray<string>
}

const tokenLetters = "!#$%&'*+-.^_`|~09azAZ"
const fieldLetters = '\t !"(),/:;<=>?@[\\]{}~09azAZ\x80\xa0\xe9\xff'
const targetLetters = "!$&'()*+,-./:;=?@_~%09azAZ"

/** CONNECT is answered elsewhere, and PRI belongs to HTTP/2. */
const methods = METHODS.filter((method) => method !== "CONNECT" && method !== "PRI")

const textOf = (chance: Chance, letters: string, least: number, most: number): string => {
  let text = ""
  for (let count = chance.between(least, most); count > 0; count--) text += letters[chance.below(letters.length)]
  return text
}

/** Names that mean nothing to either side. */
const fieldsOf = (chance: Chance): ReadonlyArray<string> =>
  Array.from({ length: chance.below(5) }, () => [
    `x-${textOf(chance, tokenLetters, 1, 10)}`,
    textOf(chance, fieldLetters, 0, 20)
  ]).flat()

const contentOf = (chance: Chance): string => {
  const size = chance.isHit(0.05) ? 20_000 : 40
  return Array.from({ length: chance.below(size) }, () => String.fromCharCode(chance.below(256))).join("")
}

export const makeRequest = (seed: Chance, number: number): SentRequest => {
  const chance = seed.fork(number)
  const method = methods[chance.below(methods.length)] ?? "GET"
  // TRACE has no body.
  const framing = method === "TRACE" ? "empty" : chance.pick(["empty", "bytes", "sized", "chunked"])
  const pieces = framing === "empty" ? [] : Array.from({ length: chance.between(1, 3) }, () => contentOf(chance))
  return {
    method,
    target: `/${textOf(chance, targetLetters, 0, 30)}`,
    headers: ["Host", "a.test", ...fieldsOf(chance)],
    pieces: framing === "bytes" ? [pieces.join("")] : pieces,
    framing,
    trailers: framing === "chunked" ? fieldsOf(chance) : []
  }
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1")

const bodyOf = ({ framing, pieces }: SentRequest): RequestBody => {
  const bytes = bytesOf(pieces.join(""))
  switch (framing) {
    case "bytes":
      return { _tag: "bytes", bytes }
    case "sized":
      return { _tag: "sized", byteCount: bytes.length }
    case "empty":
    case "chunked":
      return { _tag: framing }
  }
}

/** The octets that the session gives the connection. */
export const write = (sent: SentRequest): string => {
  const { connection, session } = openSession()
  const recorder = new Recorder()
  const { headers, method, target, trailers } = sent
  session.start({ method, target, headers, body: bodyOf(sent) }, recorder)
  if (sent.framing === "sized" || sent.framing === "chunked") {
    for (const piece of sent.pieces) session.writeBody(bytesOf(piece))
    session.endBody(trailers)
  }
  if (recorder.heard.length > 0)
    throw new Error(`the session refused ${JSON.stringify(sent)}: ${JSON.stringify(recorder.heard)}`)
  return connection.written
}

/** What Node's server makes of the octets, which come in these pieces. */
export const readRequest = (pieces: ReadonlyArray<string>): Promise<ReadRequest> =>
  new Promise((resolve, reject) => {
    const wire = new Wire(pieces)
    const server = createServer({ insecureHTTPParser: false }, (request) => {
      const bodyPieces: Array<Buffer> = []
      request.on("data", (piece: Buffer) => bodyPieces.push(piece))
      request.on("end", () => {
        const { method, rawHeaders, rawTrailers, url } = request
        const body = Buffer.concat(bodyPieces).toString("latin1")
        resolve({ method, target: url, headers: rawHeaders, body, trailers: rawTrailers })
        wire.destroy()
      })
    })
    server.on("clientError", reject)
    server.emit("connection", wire)
    wire.speak()
  })

/** Whitespace around a value is no part of it (RFC 9110 section 5.5). */
const trimmed = (fields: ReadonlyArray<string>): ReadonlyArray<string> =>
  fields.map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ""))

const framingNames = new Set(["content-length", "transfer-encoding", "connection"])

/** Without the fields that the session adds to frame the body, which the body itself checks. */
const ownFields = (fields: ReadonlyArray<string>): ReadonlyArray<string> =>
  fields.filter((_, index) => !framingNames.has(fields[index - (index % 2)]?.toLowerCase() ?? ""))

export const expectedOf = ({ headers, method, pieces, target, trailers }: SentRequest): ReadRequest => ({
  method,
  target,
  headers: trimmed(headers),
  body: pieces.join(""),
  trailers: trimmed(trailers)
})

export const withoutFraming = (read: ReadRequest): ReadRequest => ({ ...read, headers: ownFields(read.headers) })
