/**
 * The saboteur: an HTTP/1.1 server that ends its connections at any byte of a request or an answer, or between them, and
 * writes down every request line it has seen, also those that came after it had ended its side.
 *
 * It is written on sockets alone, so that what it records is what came over the wire.
 */
import { createServer, type Socket } from "node:net"
import { createInterface } from "node:readline"
import { Chance } from "@weir/testkit"
import {
  type Answers,
  bodyOf,
  type Command,
  echoOf,
  type Lengths,
  type Place,
  type Report,
  type Sabotage,
  type Sighting
} from "./Protocol.ts"

/** How long `report` waits for the client to close its connections. */
const closingMillisMax = 5000
const turnMillis = 5

const sightings: Array<Sighting> = []
const open = new Set<Saboteur>()
const sabotageCounts: Record<string, number> = {}
let connectionCount = 0
let overtakenCount = 0
let lengths: Lengths = { requestByteCount: 0, responseByteCount: 0 }
let next: Sabotage | undefined
let chance: Chance | undefined

/** What happens to the coming exchange of a connection, or to the connection while it waits for one. */
const drawSabotage = (isNew: boolean): Sabotage | undefined => {
  if (chance === undefined) return undefined
  if (!chance.isHit(0.3)) return undefined
  const way = chance.pick(["FIN", "RST", "close"])
  if (isNew && chance.isHit(0.1)) return { way, place: { at: "accept" } }
  const place = chance.pick<Place>([
    { at: "request", byteCount: chance.between(1, 120) },
    { at: "response", byteCount: chance.between(0, 140) },
    { at: "idle", delayMillis: chance.below(4) }
  ])
  return { way, place }
}

interface ParsedRequest {
  readonly byteCount: number
  readonly body: string
}

const parseChunked = (text: string, start: number): ParsedRequest | undefined => {
  let body = ""
  let index = start
  for (;;) {
    const lineEnd = text.indexOf("\r\n", index)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(text.slice(index, lineEnd), 16)
    const dataEnd = lineEnd + 2 + size
    if (text.length < dataEnd + 2) return undefined
    if (size === 0) return { body, byteCount: dataEnd + 2 }
    body += text.slice(lineEnd + 2, dataEnd)
    index = dataEnd + 2
  }
}

const parseRequest = (text: string): ParsedRequest | undefined => {
  const headEnd = text.indexOf("\r\n\r\n") + 4
  if (headEnd === 3) return undefined
  if (/\r\nTransfer-Encoding: chunked\r\n/.test(text.slice(0, headEnd))) return parseChunked(text, headEnd)
  const byteCount = headEnd + Number(/\r\nContent-Length: (\d+)\r\n/.exec(text.slice(0, headEnd))?.[1] ?? 0)
  return text.length < byteCount ? undefined : { byteCount, body: text.slice(headEnd, byteCount) }
}

const expectsContinue = (text: string): boolean => /\r\nExpect: 100-continue\r\n(?:.+\r\n)*\r\n/.test(text)

class Saboteur {
  readonly #socket: Socket
  #text = ""
  #ordinal = 0
  #sighting: Sighting | undefined
  #sabotage: Sabotage | undefined
  #isAnswering = false
  #hasContinued = false
  /** Our side is over; what still comes is only written down. */
  #hasEnded = false

  constructor(socket: Socket) {
    this.#socket = socket
    open.add(this)
    connectionCount++
    socket.setNoDelay(true)
    socket.on("data", (chunk) => this.#receive(chunk.toString("latin1")))
    socket.on("end", () => socket.end())
    socket.on("error", () => {
      // The client resets what it gives up; `close` follows.
    })
    socket.on("close", () => {
      this.#hasEnded = true
      open.delete(this)
    })
    if (next?.place.at === "accept") this.#adopt(this.#takeNext())
    else this.#adopt(drawSabotage(true))
  }

  endIdle(way: Sabotage["way"]): void {
    if (this.#text === "" && !this.#isAnswering) this.#end({ way, place: { at: "idle", delayMillis: 0 } })
  }

  #takeNext(): Sabotage | undefined {
    const taken = next
    next = undefined
    return taken
  }

  #adopt(sabotage: Sabotage | undefined): void {
    this.#sabotage = sabotage
    if (sabotage?.place.at === "accept") this.#end(sabotage)
    else if (sabotage?.place.at === "idle") setTimeout(() => this.#end(sabotage), sabotage.place.delayMillis)
  }

  #receive(text: string): void {
    if (this.#isAnswering && !this.#hasEnded) overtakenCount++
    if (this.#text === "" && next !== undefined && next.place.at !== "accept") this.#sabotage = this.#takeNext()
    this.#text += text
    this.#read()
  }

  #read(): void {
    this.#note()
    const { place } = this.#sabotage ?? {}
    if (this.#sabotage !== undefined && place?.at === "request" && this.#text.length >= place.byteCount) {
      this.#end(this.#sabotage)
    }
    const request = parseRequest(this.#text)
    if (request === undefined) {
      if (!this.#hasContinued && expectsContinue(this.#text)) {
        this.#hasContinued = true
        this.#send("HTTP/1.1 100 Continue\r\n\r\n")
      }
      return
    }
    const sighting = this.#sighting
    if (sighting === undefined) return
    this.#text = this.#text.slice(request.byteCount)
    this.#sighting = undefined
    this.#hasContinued = false
    sighting.isComplete = true
    sighting.isIntact = request.body === bodyOf(sighting.number, request.body.length)
    this.#answer(sighting, request.byteCount)
  }

  #note(): void {
    if (this.#sighting !== undefined) return
    const match = /^([A-Z]+) \/(\d+) HTTP\/1\.1\r\n/.exec(this.#text)
    if (match === null) return
    this.#ordinal++
    this.#sighting = {
      number: Number(match[2]),
      method: match[1] ?? "",
      ordinal: this.#ordinal,
      isComplete: false,
      isIntact: true,
      sentByteCount: 0
    }
    sightings.push(this.#sighting)
  }

  #answer(sighting: Sighting, requestByteCount: number): void {
    if (this.#hasEnded) return
    const isLast = chance?.isHit(0.03) === true
    const response = responseTo(sighting, isLast)
    lengths = { requestByteCount, responseByteCount: response.length }
    const sabotage = this.#sabotage
    const isCut = sabotage?.place.at === "response" && sabotage.place.byteCount <= response.length
    const whole = isCut && sabotage.place.at === "response" ? response.slice(0, sabotage.place.byteCount) : response
    const finish = (): void => {
      this.#isAnswering = false
      if (isCut) this.#end(sabotage)
      else if (isLast) this.#end({ way: "FIN", place: { at: "response", byteCount: response.length } })
      else this.#adopt(drawSabotage(false))
    }
    const send = (text: string): void => {
      sighting.sentByteCount += text.length
      this.#send(text)
    }
    if (chance?.isHit(0.3) !== true) {
      send(whole)
      finish()
      return
    }
    const cut = chance.below(whole.length + 1)
    send(whole.slice(0, cut))
    this.#isAnswering = true
    setImmediate(() => {
      if (this.#hasEnded) return
      send(whole.slice(cut))
      finish()
    })
  }

  #send(text: string): void {
    if (this.#hasEnded || text === "") return
    if (this.#sighting !== undefined) this.#sighting.sentByteCount += text.length
    this.#socket.write(text, "latin1")
  }

  #end(sabotage: Sabotage): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    const name = `${sabotage.way} at ${sabotage.place.at}`
    sabotageCounts[name] = (sabotageCounts[name] ?? 0) + 1
    switch (sabotage.way) {
      case "FIN":
        this.#socket.end()
        break
      case "RST":
        this.#socket.resetAndDestroy()
        break
      case "close":
        this.#socket.destroy()
    }
  }
}

/** The number stands in a field and, unless the method forbids a body, in the body; framed one way or the other. */
const responseTo = ({ method, number }: Sighting, isLast: boolean): string => {
  const echo = echoOf(number)
  const head = `HTTP/1.1 200 OK\r\nX-Number: ${number}\r\n${isLast ? "Connection: close\r\n" : ""}`
  const early = chance?.isHit(0.05) === true ? "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" : ""
  if (method === "HEAD") return `${early}${head}Content-Length: ${echo.length}\r\n\r\n`
  if (chance?.isHit(0.3) !== true) return `${early}${head}Content-Length: ${echo.length}\r\n\r\n${echo}`
  const half = echo.length >> 1
  const chunks = [echo.slice(0, half), echo.slice(half)].map((text) => `${text.length.toString(16)}\r\n${text}\r\n`)
  return `${early}${head}Transfer-Encoding: chunked\r\n\r\n${chunks.join("")}0\r\nX-End: ${number}\r\n\r\n`
}

const makeReport = (): Report => ({
  sightings,
  openCount: open.size,
  overtakenCount,
  connectionCount,
  sabotageCounts
})

const execute = async (command: Command): Promise<Answers[Command["op"]]> => {
  switch (command.op) {
    case "sabotage":
      next = command.sabotage
      return true
    case "endIdle":
      for (const one of open) one.endIdle(command.way)
      return true
    case "random":
      next = undefined
      chance = new Chance(command.seed)
      return true
    case "lengths":
      return lengths
    case "report":
      for (let waited = 0; open.size > 0 && waited < closingMillisMax; waited += turnMillis) {
        await new Promise((resolve) => setTimeout(resolve, turnMillis))
      }
      return makeReport()
  }
}

const server = createServer({ allowHalfOpen: true }, (socket) => {
  new Saboteur(socket)
})

server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => {
  const address = server.address()
  console.log(JSON.stringify(typeof address === "object" ? address?.port : address))
})

for await (const line of createInterface({ input: process.stdin })) {
  const command: Command = JSON.parse(line)
  console.log(JSON.stringify(await execute(command)))
}
process.exit(0)
