/**
 * A leased connection as a socket for one request of `node:http`.
 *
 * It holds the lease until it is given back, is destroyed, or the connection ends.
 */
import type { HttpPeer } from "@weir/client"
import type { Lease } from "@weir/core"
import { ConnectionSocket } from "./ConnectionSocket.ts"

export class LeasedSocket extends ConnectionSocket {
  readonly #lease: Lease<HttpPeer>

  constructor(lease: Lease<HttpPeer>) {
    const { isClosed, session } = lease.connection
    super(session.connection)
    this.#lease = lease
    session.lend(this)
    // What happened to the connection before it was lent is told to nobody any more.
    if (isClosed) this.onClose(undefined)
  }

  /**
   * Ends the use of a connection that is between two exchanges; one in any other state is closed. What the server has said
   * of how long it may still be used goes with it.
   */
  giveBack(keepAlive: string | undefined): void {
    if (this.detach() === undefined) return
    const peer = this.#lease.connection
    peer.limit(millisIn(keepAlive), countIn(keepAlive))
    peer.session.takeBack()
    this.#lease.release()
  }

  protected override closeConnection(): void {
    this.#lease.discard()
  }
}

/** `timeout=5, max=100`, as servers write it. */
const millisIn = (keepAlive: string | undefined): number | undefined => {
  const seconds = /(?:^|[\s,])timeout=(\d{1,6})(?:$|[\s,])/i.exec(keepAlive ?? "")?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1000
}

const countIn = (keepAlive: string | undefined): number | undefined => {
  const count = /(?:^|[\s,])max=(\d{1,6})(?:$|[\s,])/i.exec(keepAlive ?? "")?.[1]
  return count === undefined ? undefined : Number(count)
}
