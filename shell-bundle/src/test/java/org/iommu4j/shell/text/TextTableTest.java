package org.iommu4j.shell.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class TextTableTest {
    @Test
    void shouldAlignTextLeftAndNumbersRightUnderTheirHeadings() {
        String text = new TextTable("model", "requests")
                .row("intel", 7)
                .row("s390", 1200)
                .render();

        assertEquals("""
                model  requests
                intel         7
                s390       1200
                """, text);
    }

    @Test
    void shouldShowOnlyHeadingsWhenThereAreNoRows() {
        assertEquals("unit  model\n", new TextTable("unit", "model").render());
    }

    @Test
    void shouldEndNoLineWithBlanks() {
        String text = new TextTable("a", "b").row("x", "long").row("y", "").render();

        text.lines().forEach(line -> assertEquals(line.stripTrailing(), line));
    }

    @Test
    void shouldKeepACellOnOneLineWhenItsTextHasLineBreaks() {
        assertEquals(
                2, new TextTable("reason").row("first\nsecond").render().lines().count());
    }

    @Test
    void shouldRefuseARowThatDoesNotFitTheHeadings() {
        TextTable table = new TextTable("a", "b");

        assertThrows(IllegalArgumentException.class, () -> table.row("x"));
    }

    @Test
    void shouldWrapItsWidestColumnsAtWords() {
        TextTable table =
                new TextTable("id", "reason", "n").row("1", "a version that nobody has heard of until today", 7);

        assertEquals("""
                id  reason                n
                 1  a version that        7
                    nobody has heard of
                    until today
                """, table.render(27));
    }

    @Test
    void shouldBreakAPathThatIsTooLongBehindASlash() {
        TextTable table = new TextTable("file", "ms").row("/home/somebody/cases/first.jsonl", 7);

        assertEquals("""
                file              ms
                /home/somebody/    7
                cases/
                first.jsonl
                """, table.render(20));
    }

    @Test
    void shouldStayAsItIsWhereItFits() {
        TextTable table = new TextTable("id", "reason").row("1", "fits");

        assertEquals(table.render(), table.render(80));
    }

    @Test
    void shouldBreakAHeadingBehindAHyphenSoThatNoWordIsCut() {
        TextTable table = new TextTable("id", "state-version", "reason").row("1", "writes 1", "under way");

        assertEquals("""
                id  state-    reason
                    version
                 1  writes 1  under
                              way
                """, table.render(22));
    }

    @Test
    void shouldShowEachRowAsABlockWhereTheScreenIsTooNarrowForColumns() {
        TextTable table = new TextTable("id", "version", "reason")
                .row("1", "1.3.0", "its trial is under way")
                .row("2", "1.2.0", "");

        assertEquals("""
                id       1
                version  1.3.0
                reason   its trial is
                         under way

                id       2
                version  1.2.0
                reason
                """, table.render(10));
    }
}
