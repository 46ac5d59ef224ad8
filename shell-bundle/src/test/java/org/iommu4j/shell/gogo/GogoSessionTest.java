package org.iommu4j.shell.gogo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.felix.gogo.runtime.CommandProcessorImpl;
import org.apache.felix.gogo.runtime.threadio.ThreadIOImpl;
import org.iommu4j.shell.cli.CommandSession.IncompleteCommandException;
import org.iommu4j.shell.cli.ShellLoop;
import org.iommu4j.shell.testing.FakeIommuService;
import org.iommu4j.shell.text.Screen;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class GogoSessionTest {
    private final ThreadIOImpl threads = new ThreadIOImpl();
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private GogoSession session;

    @BeforeEach
    void start() {
        threads.start();
        CommandProcessorImpl processor = new CommandProcessorImpl(threads);
        FakeIommuService service = new FakeIommuService();
        IommuCommands commands = new IommuCommands(
                () -> service,
                () -> null,
                () -> null,
                new ShellRecording(() -> null),
                List::of,
                () -> Screen.NONE,
                text -> System.out.print(text));
        IommuCommands.FUNCTIONS.forEach(function -> processor.addCommand("iommu", commands, function));
        session = new GogoSession(processor, out, out);
    }

    @AfterEach
    void stop() {
        threads.stop();
    }

    private String printed(String text) throws Exception {
        out.reset();
        assertEquals("", session.execute(text));
        return out.toString(StandardCharsets.UTF_8);
    }

    @Test
    void shouldPrintEveryCommandOfASequence() throws Exception {
        String printed = printed("iommu:units; iommu:swaps");

        assertTrue(printed.startsWith("unit  model"), printed);
        assertTrue(printed.contains("model  from"), printed);
    }

    @Test
    void shouldPassVersionsAndNumbersAsTheyAreWritten() throws Exception {
        assertTrue(printed("iommu:swap intel 1.1.0").contains("DONE"));
        assertTrue(printed("iommu:swap --force intel 9.9.9").contains("DONE"));
        assertTrue(printed("negotiate intel 0x0100 0x0110 0x0110").contains("BRIDGED"));
    }

    @Test
    void shouldGiveTheValueOfTheLastCommandAsText() throws Exception {
        assertEquals("12", session.execute("x = 12"));
    }

    @Test
    void shouldAskForMoreWhenAQuotationIsOpen() {
        assertThrows(IncompleteCommandException.class, () -> session.execute("iommu:swap 'intel"));
    }

    @Test
    void shouldAnswerOneLineWhenArgumentsAreMissing() {
        StringWriter errors = new StringWriter();
        ShellLoop loop = new ShellLoop(session, new PrintWriter(new StringWriter()), new PrintWriter(errors));

        assertEquals(1, loop.execute("iommu:swap intel"));
        assertEquals(1, errors.toString().lines().count(), errors.toString());
        assertTrue(errors.toString().contains("help"), errors.toString());
    }
}
