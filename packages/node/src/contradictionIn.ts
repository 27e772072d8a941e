/**
 * What in a target cannot be done on any runtime.
 */
import { isIP } from "node:net"
import type { Target } from "@weir/transport"
import { isUnverified, nameToCheck } from "./NodeTls.ts"

/**
 * What is wrong, and what to do instead. The runtimes' own checks would come too late: Node throws with a socket handle
 * already made, which then nobody can close, and takes an empty host for `localhost`.
 */
export const contradictionIn = ({ address, localAddress, proxy, tls }: Target.Target): string | undefined => {
  if (address._tag === "Tcp") {
    const { host, port } = address
    if (host === "" || host.includes("\0")) return "the host is empty or has a NUL in it"
    if (!Number.isInteger(port) || port < 1 || port > 65_535) return `the port is ${port}, not from 1 to 65535`
    if (localAddress !== undefined && isIP(localAddress) === 0) return `localAddress is no IP address: ${localAddress}`
    return undefined
  }
  if (proxy !== undefined) return "a Unix socket is not reached through a proxy: leave proxy out"
  if (address.path === "") return "the path of the Unix socket is empty"
  if (localAddress !== undefined) return "a Unix socket has no local address to connect from: leave localAddress out"
  if (tls !== undefined && !isUnverified(tls) && nameToCheck(tls, address) === undefined) {
    return "a Unix path is no name to check a certificate against: set serverName"
  }
  return undefined
}
