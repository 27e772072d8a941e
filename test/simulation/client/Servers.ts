/**
 * The servers of the client world: each answers a request with bytes made from its number, in the way that the script
 * says, and looks at what reaches it.
 */
import {
  type HeardRequest,
  HttpPeer,
  type SimulatedConnection,
  type SimulatedNetwork,
  type Simulation
} from "@weir/testkit"
import type { Connection } from "@weir/transport"
import type { Judge } from "../Violation.ts"
import { bytesOf, latin1 } from "./bodies.ts"
import { addressCount, type ClientScript, type Exchange } from "./ClientScript.ts"

export interface ServedWorld {
  readonly script: ClientScript
  readonly simulation: Simulation
  readonly network: SimulatedNetwork
  readonly judge: Judge
  readonly trace: (line: () => string) => void
  readonly count: (key: string) => void
}

export const addressOf = (host: number, address: number): string => `10.1.${host}.${address}`

export class Servers {
  private readonly world: ServedWorld
  /** How often each exchange's head has reached a server. */
  private readonly heardCounts = new Map<number, number>()
  /** When the last request may come on a connection that an answer has made useless, with its time to travel. */
  private readonly lastUseMillis = new Map<Connection, number>()

  constructor(world: ServedWorld) {
    this.world = world
    const { network, script } = world
    for (const host of [0, 1]) {
      network.setName(`host${host}`, addressOf(host, 0))
      for (let address = 0; address < addressCount; address++) {
        const isSecure = host === 1 && script.isSecondSecure
        const tls = isSecure ? { names: ["host1"], alpn: ["http/1.1"] } : undefined
        const accept = (connection: SimulatedConnection) => this.accept(connection, host)
        network.listen(addressOf(host, address), isSecure ? 443 : 80, accept, tls)
      }
    }
  }

  private accept(connection: SimulatedConnection, host: number): void {
    const { count, script, simulation } = this.world
    const chance = simulation.chance.fork("server", connection.info.remotePort)
    if (chance.isHit(script.cutRatio)) {
      connection.cutAfter = { byteCount: chance.between(1, 900), how: chance.pick(["end", "reset"]) }
      count(`fault connection cut by ${connection.cutAfter.how}`)
    }
    let idle: () => void = () => {}
    const watch = () => {
      const { serverIdleMillis } = script
      if (serverIdleMillis === 0) return
      idle = simulation.after(serverIdleMillis, () => {
        count("fault server closes idle connection")
        connection.close()
      })
    }
    new HttpPeer(
      connection,
      (request) => this.answer(request, connection, watch),
      (head) => {
        idle()
        this.hear(head, connection, host)
      }
    )
    watch()
  }

  private hear({ method, target }: Omit<HeardRequest, "body">, connection: SimulatedConnection, host: number): void {
    const { count, judge, simulation, trace } = this.world
    const number = Number(target.slice(1))
    const isTooLate = simulation.clock.elapsedMillis > (this.lastUseMillis.get(connection) ?? Number.POSITIVE_INFINITY)
    judge.must(!isTooLate, "no request on a connection that is at its end", () => `call ${target}`)
    const heardCount = (this.heardCounts.get(number) ?? 0) + 1
    this.heardCounts.set(number, heardCount)
    trace(() => `heard ${number} for the ${heardCount}. time`)
    judge.must(method !== "POST" || heardCount === 1, "a POST reaches a server at most once", () => `call ${number}`)
    if (heardCount > 1) count("retry heard again")
    const exchange = this.exchange(number)
    judge.equal(host, exchange?.host, "every request comes to its own host", `call ${number}`)
    if (exchange?.twist === "early-answer") this.reply(connection, number, exchange, () => {})
  }

  private exchange(number: number): Exchange | undefined {
    const operation = this.world.script.operations[number]
    const exchange = operation?._tag === "Exchange" ? operation : undefined
    this.world.judge.must(exchange !== undefined, "only what was asked is asked", () => `call ${number}`)
    return exchange
  }

  private answer({ body, method, target }: HeardRequest, connection: SimulatedConnection, done: () => void): void {
    const { judge, simulation } = this.world
    const number = Number(target.slice(1))
    const exchange = this.exchange(number)
    if (exchange === undefined) return
    const expected = bytesOf(number, "sent", method === "GET" ? 0 : exchange.sentByteCount)
    judge.equal(latin1(body), expected, "every body arrives as it was sent", `call ${number}`)
    if (exchange.thinkMillis < 0) this.world.count("fault server never answers")
    if (exchange.thinkMillis < 0 || exchange.twist === "early-answer") return
    const reply = () => this.reply(connection, number, exchange, done)
    if (exchange.thinkMillis === 0) reply()
    else simulation.after(exchange.thinkMillis, reply)
  }

  private reply(connection: SimulatedConnection, number: number, exchange: Exchange, done: () => void): void {
    const { count, simulation } = this.world
    const { answeredByteCount, framing, stallMillis, twist } = exchange
    if (twist !== "none") count(`fault answer: ${twist}`)
    const body = bytesOf(number, "answered", answeredByteCount)
    const isClosing = framing === "close" || twist === "connection-close"
    const fields = [
      `X-Number: ${number}`,
      ...(isClosing ? ["Connection: close"] : []),
      ...(framing === "length" ? [`Content-Length: ${body.length}`] : []),
      ...(framing === "chunked" ? ["Transfer-Encoding: chunked"] : [])
    ]
    const half = body.length >> 1
    const chunk = (text: string) => (text === "" ? "" : `${text.length.toString(16)}\r\n${text}\r\n`)
    const framed = framing === "chunked" ? `${chunk(body.slice(0, half))}${chunk(body.slice(half))}0\r\n\r\n` : body
    const hints = twist === "early-hints" ? "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" : ""
    const whole = `${hints}HTTP/1.1 200 OK\r\n${fields.join("\r\n")}\r\n\r\n${framed}`
    const finish = (rest: string) => {
      this.finish(connection, exchange, rest)
      done()
    }
    if (stallMillis === 0) {
      finish(whole)
      return
    }
    const middle = whole.length - Math.ceil(framed.length / 2) - 1
    count(`fault answer stalls${stallMillis < 0 ? " for ever" : ""}`)
    connection.write(whole.slice(0, middle))
    if (stallMillis > 0) simulation.after(stallMillis, () => finish(whole.slice(middle)))
  }

  /** Writes the end of an answer, and what follows it. */
  private finish(connection: SimulatedConnection, { framing, twist }: Exchange, rest: string): void {
    // No HTTP: a whole answer sent ahead could not be told from the next request's own.
    const isTainted = twist === "data-after" && framing !== "close"
    connection.write(`${rest}${isTainted ? "\u0001 nobody asked for this" : ""}`)
    if (isTainted || twist === "connection-close") this.noteLastUse(connection)
    if (framing === "close" || twist === "then-end") this.closeWhenSent(connection)
    else if (twist === "then-half-close") connection.end()
    else if (twist === "then-reset") connection.reset()
  }

  /** The client may go on until it has heard; with a window, or slowly, that cannot be told beforehand. */
  private noteLastUse(connection: SimulatedConnection): void {
    const { script, simulation } = this.world
    if (script.bytesPerMilli > 0 || connection.queuedByteCount > 0) return
    this.lastUseMillis.set(connection, simulation.clock.elapsedMillis + 2 * script.latencyMillisMax + 2)
  }

  /** What is queued at a close is lost; a server that cares sends its FIN after it instead. */
  private closeWhenSent(connection: SimulatedConnection): void {
    if (connection.queuedByteCount > 0) connection.end()
    else connection.close()
  }
}
