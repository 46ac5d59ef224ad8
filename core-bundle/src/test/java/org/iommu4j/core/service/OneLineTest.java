package org.iommu4j.core.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
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

    @Test
    void shouldSayWhatIsWrongWithAFileInWordsWhereTheExceptionHasItsNameOnly() {
        assertEquals("no such file", OneLine.reason(new NoSuchFileException("/data/f")));
        assertEquals("permission denied", OneLine.reason(new AccessDeniedException("/data/f")));
        assertEquals("is there already", OneLine.reason(new FileAlreadyExistsException("/data/f")));
        assertEquals("is not a directory", OneLine.reason(new NotDirectoryException("/data/f")));
        assertEquals("is a directory that is not empty", OneLine.reason(new DirectoryNotEmptyException("/data/f")));
        assertEquals(
                "No space left on device",
                OneLine.reason(new FileSystemException("/data/f", null, "No space left on device")));
        assertEquals("FileSystemException", OneLine.reason(new FileSystemException("/data/f")));
    }

    @Test
    void shouldShowWhatOtherExceptionsSayOnOneLineAndTheirClassIfTheySayNothing() {
        assertEquals("is cut at byte 7", OneLine.reason(new IOException("is cut\n at byte 7")));
        assertEquals("IOException", OneLine.reason(new IOException()));
    }

    @Test
    void shouldNameThePackagesThatNobodyProvides() {
        String clause =
                "osgi.wiring.package; (&(osgi.wiring.package=org.example.a)(version>=7.0.0)(!(version>=8.0.0)))";
        assertEquals(
                "nothing here provides org.example.a from version 7.0.0 on and below 8.0.0, org.example.b",
                OneLine.unresolved("Unable to resolve x [27](R 27.0): missing requirement [x [27](R 27.0)] " + clause
                        + " Unresolved requirements: [[x [27](R 27.0)] " + clause
                        + "] (osgi.wiring.package=org.example.b)"));
        assertEquals("no symbolic name", OneLine.unresolved("no symbolic name"));
    }
}
