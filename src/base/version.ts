/** The version of this package, shown in health reports and handshakes. A test compares it with package.json. */
export const version = '0.1.0'
