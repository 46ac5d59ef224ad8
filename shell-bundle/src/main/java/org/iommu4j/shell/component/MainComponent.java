package org.iommu4j.shell.component;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.felix.service.command.CommandProcessor;
import org.iommu4j.shell.cli.Iommu4jCommand;
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
    private final ContainerHost host;
    private final String[] arguments;

    /** Takes the command line from the launcher's service. */
    @Activate
    public MainComponent(
            BundleContext context,
            @Reference CommandProcessor processor,
            @Reference(service = Object.class, target = "(launcher.ready=true)")
                    Map.Entry<Map<String, Object>, Object> launcher) {
        host = new ContainerHost(context, processor);
        arguments = (String[]) launcher.getKey().get("launcher.arguments");
    }

    @Override
    public Integer call() {
        return Iommu4jCommand.run(
                host,
                new PrintWriter(System.out, false, StandardCharsets.UTF_8),
                new PrintWriter(System.err, true, StandardCharsets.UTF_8),
                arguments);
    }
}
