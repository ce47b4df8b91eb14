/// How the tokens of an image lie.
package struct TokenGrid: Sendable {
    package let rows: Int
    package let columns: Int

    package init(rows: Int, columns: Int) { (self.rows, self.columns) = (rows, columns) }
}
