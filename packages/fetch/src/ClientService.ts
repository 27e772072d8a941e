/**
 * The Effect client inside a promise client, for those who build on both: adapters, and programs that move to Effect.
 */
import type { WeirClientService } from "@weir/client"
import type { Client } from "./Client.ts"

const services = new WeakMap<Client, WeirClientService>()

export const rememberService = (client: Client, service: WeirClientService): void => {
  services.set(client, service)
}

/** The same pool, the same settings; it is closed by the client's `close`. Throws for what `createClient` has not made. */
export const serviceOf = (client: Client): WeirClientService => {
  const service = services.get(client)
  if (service === undefined) throw new TypeError("this is no client that createClient has made")
  return service
}
