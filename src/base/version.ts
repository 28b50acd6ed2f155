/** The version of this package, as health reports and handshakes name it. Checked against package.json by a test. */
export const version = '0.1.0'
