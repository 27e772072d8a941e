/**
 * A connection after a change of protocol: it keeps its lease, and its permits, until it is closed.
 */
import type { Lease } from "@weir/core"
import type { Connection } from "@weir/transport"
import type { HttpPeer } from "./HttpPool.ts"
import type { Upgraded } from "./Request.ts"

export class LeasedUpgrade implements Upgraded {
  readonly rest: Uint8Array
  private readonly lease: Lease<HttpPeer>

  /** Made while the session hands the connection over; what comes from now on stays with the system. */
  constructor(lease: Lease<HttpPeer>, rest: Uint8Array) {
    this.lease = lease
    this.rest = rest
    this.connection.pause()
  }

  get connection(): Connection {
    return this.lease.connection.session.connection
  }

  get isClosed(): boolean {
    return this.lease.connection.isClosed
  }

  readonly close = (): void => this.lease.discard()
}
