/**
 * Connections over what `node:net` and `node:tls` have opened: over the native socket below, or where that cannot be had,
 * over the stream, which `info.layer` then says.
 */
import { NodeConnection, type OpenedSocket } from "@weir/node/sockets"
import type { Connection } from "@weir/transport"
import { BunConnection } from "./BunConnection.ts"
import { nativeSocketOf } from "./NativeSocket.ts"

export const connectionOver = (opened: OpenedSocket): Connection => {
  const native = nativeSocketOf(opened.socket)
  if (native !== undefined) return new BunConnection(opened, native)
  return new NodeConnection({ ...opened, info: { ...opened.info, layer: `${opened.info.layer}+node:net` } })
}
