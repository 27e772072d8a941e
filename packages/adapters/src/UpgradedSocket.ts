/**
 * The connection after a change of protocol as a socket: it keeps its lease, and its permits, until it is destroyed.
 */
import { Buffer } from "node:buffer"
import type { Upgraded } from "@weir/client"
import { ConnectionSocket } from "./ConnectionSocket.ts"

export class UpgradedSocket extends ConnectionSocket {
  readonly #upgraded: Upgraded

  constructor(upgraded: Upgraded) {
    super(upgraded.connection)
    this.#upgraded = upgraded
    if (upgraded.rest.length > 0) this.push(Buffer.from(upgraded.rest))
    upgraded.connection.attach(this)
    if (upgraded.isClosed) this.onClose(undefined)
    else upgraded.connection.resume()
  }

  protected override closeConnection(): void {
    this.#upgraded.close()
  }
}
