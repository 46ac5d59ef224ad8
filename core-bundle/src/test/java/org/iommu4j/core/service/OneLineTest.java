package org.iommu4j.core.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

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
    void shouldSayWhatIsWrongWithAFileInWordsWhereTheExceptionHasItsNameOnly() {
        assertEquals("no such file", OneLine.reason(new NoSuchFileException("/data/f")));
        assertEquals("permission denied", OneLine.reason(new AccessDeniedException("/data/f")));
        assertEquals("is there already", OneLine.reason(new FileAlreadyExistsException("/data/f")));
        assertEquals("is not a directory", OneLine.reason(new NotDirectoryException("/data/f")));
        assertEquals("is a directory that is not empty", OneLine.reason(new DirectoryNotEmptyException("/data/f")));
        assertEquals("No space left on device", OneLine.reason(new FileSystemException("/data/f", null, "No space left on device")));
        assertEquals("FileSystemException", OneLine.reason(new FileSystemException("/data/f")));
    }

    @Test
    void shouldShowWhatOtherExceptionsSayOnOneLineAndTheirClassIfTheySayNothing() {
        assertEquals("is cut at byte 7", OneLine.reason(new IOException("is cut\n at byte 7")));
        assertEquals("IOException", OneLine.reason(new IOException()));
    }
}
