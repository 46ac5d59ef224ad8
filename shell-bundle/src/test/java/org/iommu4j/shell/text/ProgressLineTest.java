package org.iommu4j.shell.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class ProgressLineTest {
    private final StringWriter written = new StringWriter();
    private long nanos = 42;

    @Test
    void shouldWriteOverTheLastTextAndClearItOnATerminal() {
        ProgressLine line = new ProgressLine(new PrintWriter(written), true, () -> nanos);

        line.show("10 requests");
        nanos += 1_000_000_000L;
        line.show("done");
        line.clear();

        assertEquals("\r10 requests\rdone       \r    \r", written.toString());
    }

    @Test
    void shouldSkipATextThatComesTooSoon() {
        ProgressLine line = new ProgressLine(new PrintWriter(written), true, () -> nanos);

        line.show("1");
        nanos += 1_000_000;
        line.show("2");

        assertEquals("\r1", written.toString());
    }

    @Test
    void shouldWriteWholeLinesAFewSecondsApartElsewhere() {
        ProgressLine line = new ProgressLine(new PrintWriter(written), false, () -> nanos);

        line.show("first");
        nanos += 1_000_000_000L;
        line.show("too soon");
        nanos += 5_000_000_000L;
        line.show("second");
        line.clear();

        assertEquals("first\nsecond\n", written.toString().replace("\r\n", "\n"));
    }
}
