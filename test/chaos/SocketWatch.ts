/**
 * Counts, as the kernel sees it, the sockets that a client holds to a port: those being connected, connected, and closed
 * by the peer only. Looks again and again, and remembers the most. (A server cannot count this well: it may hear of a new
 * connection before it hears of the end of the one that made room for it.)
 *
 * The kernel's table is no snapshot: sockets come and go while it is read. Only those count that are in two readings, one
 * after the other: they were there together, in between.
 *
 * One dial of a name tries several of its addresses beside each other, and the system connects whichever answer. So of the
 * sockets to a name's server only those count that are connected for so long that a dial has made its choice.
 */
import { readFileSync } from "node:fs"

/** ESTABLISHED, SYN_SENT and CLOSE_WAIT: the states of /proc/net/tcp in which a socket is the client's to close. */
const synSent = "02"
const heldStates = new Set(["01", synSent, "08"])
/** TIME_WAIT and CLOSE, in which a socket is nobody's any more, and LISTEN. */
const harmlessStates = new Set(["06", "07", "0A"])
const lookMillis = 20
/** A look walks the kernel's whole table, milliseconds even if that is all but empty: it is to take a sixth of the time. */
const restPerLook = 5

/** What the judge connects from where it takes part itself. */
export const judgeAddress = "127.9.9.9"

interface Row {
  readonly local: string
  readonly remote: string
  readonly state: string
  /** 0: no process holds it any more. */
  readonly inode: string
}

/** `0700020A:1F90`, or an IPv6 address that holds an IPv4 one: the bytes of the latter are the last four, backwards. */
const readable = (end: string): string => {
  const [address = "", port = ""] = end.split(":")
  const bytes = address.slice(-8).match(/../g) ?? []
  return `${bytes
    .map((byte) => Number.parseInt(byte, 16))
    .reverse()
    .join(".")}:${Number.parseInt(port, 16)}`
}

/** Sockets in the states that are asked for. A storm leaves thousands in TIME_WAIT: other states' lines are not taken apart. */
const rows = (isWanted: (state: string) => boolean): ReadonlyArray<Row> => {
  const found: Array<Row> = []
  for (const path of ["/proc/self/net/tcp", "/proc/self/net/tcp6"]) {
    const [heading = "", ...lines] = readFileSync(path, "utf8").trimEnd().split("\n")
    // Between the row's number, which takes four columns or more, and the state all columns are of a fixed width.
    const stateAfterNumber = heading.indexOf(" st ") + 1 - "9999".length
    for (const line of lines) {
      const stateAt = line.indexOf(":") + stateAfterNumber
      if (!isWanted(line.slice(stateAt, stateAt + 2))) continue
      const [, local = "", remote = "", state = "", , , , , , inode = "0"] = line.trim().split(/\s+/)
      found.push({ local, remote, state, inode })
    }
  }
  return found
}

const portOf = (end: string): number => Number(end.slice(end.lastIndexOf(":") + 1))

const readableRows = (isWanted: (state: string) => boolean): ReadonlyArray<Row> =>
  rows(isWanted).map((row) => ({ ...row, local: readable(row.local), remote: readable(row.remote) }))

const describe = ({ local, remote, state }: Row): string => `${local} to ${remote} in state ${state}`

/** Both sides' sockets of connections to a port that are not yet closed. */
export const openSockets = (port: number): ReadonlyArray<string> =>
  readableRows((state) => !harmlessStates.has(state))
    .filter(({ local, remote }) => portOf(local) === port || portOf(remote) === port)
    .map(describe)

/** Clients' sockets to a port that a process still holds. */
export const heldSockets = (port: number): ReadonlyArray<string> =>
  readableRows((state) => heldStates.has(state))
    .filter(({ inode, remote }) => inode !== "0" && portOf(remote) === port)
    .map(describe)

/** A dial has made its choice by then, also on a machine that is busy with other things. */
const chosenMillis = 5000

export interface SocketWatchOptions {
  readonly ports: ReadonlyArray<number>
  /** Of the server that is reached by a name. */
  readonly namedPort: number
  /** Hears what each look shows: how many there are, by `address:port`. */
  readonly onLook: (held: ReadonlyMap<string, number>) => void
}

export class SocketWatch {
  readonly mostByPort = new Map<number, number>()
  mostInTotal = 0
  private readonly options: SocketWatchOptions
  private timer: NodeJS.Timeout
  /** When a connection to the named server was first seen, by its inode. Those that are gone are forgotten. */
  private connectedAtMillis = new Map<string, number>()

  constructor(options: SocketWatchOptions) {
    this.options = options
    this.timer = setTimeout(() => this.keepLooking(), lookMillis)
  }

  private keepLooking(): void {
    const beganAtMillis = performance.now()
    this.look()
    const tookMillis = performance.now() - beganAtMillis
    this.timer = setTimeout(() => this.keepLooking(), Math.max(lookMillis, restPerLook * tookMillis))
  }

  /** How many there are now, by `address:port`. */
  look(): ReadonlyMap<string, number> {
    const before = this.read()
    const byPort = new Map<number, number>()
    const byEnd = new Map<string, number>()
    let total = 0
    for (const [inode, { remote, state }] of this.read()) {
      if (!before.has(inode)) continue
      byEnd.set(remote, (byEnd.get(remote) ?? 0) + 1)
      const port = portOf(remote)
      if (port === this.options.namedPort && (state === synSent || !this.isChosen(inode))) continue
      byPort.set(port, (byPort.get(port) ?? 0) + 1)
      total++
    }
    for (const [port, count] of byPort) this.mostByPort.set(port, Math.max(count, this.mostByPort.get(port) ?? 0))
    this.mostInTotal = Math.max(total, this.mostInTotal)
    this.options.onLook(byEnd)
    return byEnd
  }

  private isChosen(inode: string): boolean {
    const atMillis = this.connectedAtMillis.get(inode)
    return atMillis !== undefined && performance.now() - atMillis > chosenMillis
  }

  /** By inode. */
  private read(): ReadonlyMap<string, Row> {
    const found = new Map<string, Row>()
    const connectedAtMillis = new Map<string, number>()
    for (const { inode, local, remote, state } of rows((state) => heldStates.has(state))) {
      if (inode === "0") continue
      if (!this.options.ports.includes(Number.parseInt(remote.slice(-4), 16))) continue
      if (readable(local).startsWith(`${judgeAddress}:`)) continue
      found.set(inode, { inode, local, remote: readable(remote), state })
      if (state !== synSent) connectedAtMillis.set(inode, this.connectedAtMillis.get(inode) ?? performance.now())
    }
    this.connectedAtMillis = connectedAtMillis
    return found
  }

  stop(): void {
    clearTimeout(this.timer)
  }
}
