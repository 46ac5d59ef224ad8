package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.iommu4j.core.service.OneLine;
import org.junit.jupiter.api.Test;

class OneLineTest {
    @Test
    void shouldLeaveAnOrdinaryTextAsItIs() {
        assertEquals(
                "model 'ärm' is not installed \uD83D\uDE00",
                OneLine.message("model 'ärm' is not installed \uD83D\uDE00"));
    }

    @Test
    void shouldShowWhatATerminalWouldActOn() {
        assertEquals("a\\u001b[2Jb\\u0007", OneLine.message("a\u001b[2Jb\u0007"));
        assertEquals("\\u202eevil", OneLine.name("\u202eevil"));
        assertEquals("half \\ud83d", OneLine.name("half \uD83D"));
        assertEquals("two lines", OneLine.message("two \r\n  lines\n"));
    }

    @Test
    void shouldKeepBeginningAndEndOfWhatIsTooLong() {
        String shown = OneLine.name("begin" + "x".repeat(1 << 20) + "end");
        assertTrue(shown.length() <= OneLine.MAX_NAME, shown);
        assertTrue(shown.startsWith("beginx"), shown);
        assertTrue(shown.contains("characters) ..."), shown);
        assertTrue(shown.endsWith("xend"), shown);
    }

    @Test
    void shouldBoundWhatGrowsWhenItIsShown() {
        assertTrue(OneLine.message("\u0001".repeat(1 << 20)).length() <= OneLine.MAX_MESSAGE);
        assertTrue(OneLine.name("\u0001".repeat(OneLine.MAX_NAME)).length() <= OneLine.MAX_NAME);
    }
}
