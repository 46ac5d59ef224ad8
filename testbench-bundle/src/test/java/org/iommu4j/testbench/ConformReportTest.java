package org.iommu4j.testbench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iommu4j.testbench.ConformReport.Line;
import org.iommu4j.testbench.ConformReport.Result;
import org.junit.jupiter.api.Test;

/** One checklist as text, JSON and a page. */
class ConformReportTest {
    private final ConformReport report = new ConformReport(
            "a<b>.jar",
            "00ff",
            "com.example",
            "1.0.0",
            "intel",
            List.of(
                    new Line("x.one", "holds", Result.PASSED, "3 of them", "cmd 1"),
                    new Line("x.two", "breaks", Result.FAILED, "seen \"this\" & <that>", "cmd 2"),
                    new Line("x.three", "is far", Result.NOT_COVERED, "nobody looked", "cmd 3")));

    @Test
    void shouldTellPeople() {
        assertEquals("""
                a<b>.jar: com.example 1.0.0, model intel, SHA-256 00ff
                ok      x.one                 holds (3 of them)
                FAILED  x.two                 breaks
                        seen "this" & <that>
                        again: cmd 2
                -       x.three               is far: not covered, nobody looked
                1 passed, 1 failed, 1 not covered
                """, report.toText());
        assertFalse(report.ok());
    }

    @Test
    void shouldTellPrograms() {
        assertEquals(
                "{\"jar\":\"a<b>.jar\",\"sha256\":\"00ff\",\"bundle\":\"com.example\",\"version\":\"1.0.0\","
                        + "\"model\":\"intel\",\"ok\":false,"
                        + "\"counts\":{\"passed\":1,\"failed\":1,\"not_covered\":1},\"rules\":["
                        + "{\"rule\":\"x.one\",\"about\":\"holds\",\"result\":\"passed\",\"detail\":\"3 of them\","
                        + "\"again\":\"cmd 1\"},"
                        + "{\"rule\":\"x.two\",\"about\":\"breaks\",\"result\":\"failed\","
                        + "\"detail\":\"seen \\\"this\\\" & <that>\",\"again\":\"cmd 2\"},"
                        + "{\"rule\":\"x.three\",\"about\":\"is far\",\"result\":\"not_covered\","
                        + "\"detail\":\"nobody looked\",\"again\":\"cmd 3\"}]}",
                report.toJson());
    }

    @Test
    void shouldEscapeWhatStandsInAPage() {
        String page = report.toHtml();

        assertTrue(page.contains("seen &quot;this&quot; &amp; &lt;that&gt;"), page);
        assertFalse(page.contains("<that>"), page);
        assertFalse(page.contains("<b>"), page);
    }
}
