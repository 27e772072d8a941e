export * from "./Connection.ts"
export * from "./Connector.ts"
export * as Target from "./Target.ts"
export * from "./TransportError.ts"
