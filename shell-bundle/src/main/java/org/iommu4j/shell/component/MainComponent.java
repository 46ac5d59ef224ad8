package org.iommu4j.shell.component;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.felix.service.command.CommandProcessor;
import org.iommu4j.shell.cli.CheckedOutput;
import org.iommu4j.shell.cli.Iommu4jCommand;
import org.iommu4j.shell.text.Texts;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/**
 * The main program of the exported jar: the launcher calls it on the main thread when every bundle has started, and ends
 * with the status that it returns. Outside that launcher its reference is never satisfied and it stays quiet.
 */
@Component(service = Callable.class, property = "main.thread=true")
public final class MainComponent implements Callable<Integer> {
    /** Longest time in which the container stops. */
    private static final long STOP_MILLIS = 10_000;

    // Not System.out and System.err: these tell nobody what they could not write.
    private final CheckedOutput results = CheckedOutput.results(new FileOutputStream(FileDescriptor.out));
    private final CheckedOutput messages = CheckedOutput.messages(new FileOutputStream(FileDescriptor.err));

    private final ContainerHost host;
    private final String[] arguments;

    /** Takes the command line from the launcher's service. */
    @Activate
    public MainComponent(
            BundleContext context,
            @Reference CommandProcessor processor,
            @Reference(service = Object.class, target = "(launcher.ready=true)")
                    Map.Entry<Map<String, Object>, Object> launcher) {
        host = new ContainerHost(context, processor, results, messages);
        arguments = (String[]) launcher.getKey().get("launcher.arguments");
    }

    @Override
    public Integer call() {
        // A thread that nobody waits for ends with one line, too.
        Thread.setDefaultUncaughtExceptionHandler((thread, failure) ->
                System.err.println("iommu4j: thread " + thread.getName() + " has failed: " + Texts.message(failure)));
        int status = Iommu4jCommand.run(host, results, messages, arguments);
        Thread ending = new Thread(() -> end(status), "iommu4j-end");
        ending.setDaemon(true);
        ending.start();
        return status;
    }

    /** A call that a vendor's code never returns from must not keep the container from stopping. */
    private static void end(int status) {
        try {
            Thread.sleep(STOP_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Runtime.getRuntime().halt(status);
    }
}
