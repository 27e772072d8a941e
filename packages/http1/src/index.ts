export * from "./Http1Error.ts"
export * from "./Http1Limits.ts"
export * from "./Message.ts"
export * from "./Session.ts"
