import java.sql.DriverManager;
import java.util.Properties;

/**
 * Asks over JDBC with ClickHouse's driver as DBeaver and Metabase do, with nothing set but who asks.
 *
 * <p>{@code java Ask.java ADDRESS KEY STATEMENT…} writes how many tables and columns of charges there are, then of each
 * statement its number of rows with the last one, or its error.
 */
public class Ask {
  public static void main(String[] arguments) throws Exception {
    Class.forName("com.clickhouse.jdbc.ClickHouseDriver");
    var who = new Properties();
    who.setProperty("user", "dbeaver");
    who.setProperty("password", arguments[1]);
    var url = "jdbc:clickhouse://" + arguments[0] + "/spanledger";
    try (var connection = DriverManager.getConnection(url, who)) {
      var about = connection.getMetaData();
      try (var tables = about.getTables(null, "spanledger", "charges", null)) {
        System.out.println(tables.next() ? tables.getString("TABLE_NAME") : "no tables");
      }
      try (var columns = about.getColumns(null, "spanledger", "charges", "tenant")) {
        System.out.println(columns.next() ? columns.getString("TYPE_NAME") : "no columns");
      }
      try (var prepared = connection.prepareStatement("SELECT ?")) {
        prepared.setString(1, "a';b");
        try (var rows = prepared.executeQuery()) {
          System.out.println(rows.next() ? rows.getString(1) : "no rows");
        }
      }
      for (var each = 2; each < arguments.length; each++) {
        try (var statement = connection.createStatement();
            var rows = statement.executeQuery(arguments[each])) {
          var count = 0;
          var last = "";
          while (rows.next()) {
            count++;
            last = " " + rows.getString(rows.getMetaData().getColumnCount());
          }
          System.out.println(count + last);
        } catch (java.sql.SQLException error) {
          System.out.println(error.getMessage());
        }
      }
    }
  }
}
